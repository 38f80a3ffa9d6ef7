// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace lambert {

/// The largest resident size of this process so far, bytes.
double largest_resident_bytes();

}  // namespace lambert
