// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <map>
#include <string>

#include "checkpoint/certificate.h"

namespace lambert {

/// Hashes of the exported folder, and the logits of its weights, read back from it, for sequences
/// that are a function of its sizes and special tokens alone. fp32, without dropout. Throws
/// DataError.
Certificate certify_export(const std::filesystem::path& folder);

/// Reads the folder again and compares it with its certificate. Returns, for each head, the largest
/// difference of a logit relative to the largest logit. Throws DataError naming the damaged file.
std::map<std::string, double> verify_export(const std::filesystem::path& folder);

}  // namespace lambert
