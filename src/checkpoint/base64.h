// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

namespace lambert {

/// RFC 4648, with padding.
std::string encode_base64(std::string_view bytes);

}  // namespace lambert
