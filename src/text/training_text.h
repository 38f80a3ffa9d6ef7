// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "text/document_reader.h"

namespace lambert {

/// Reads every document of the files, folders and globs once, in order, and hands over its lines.
/// Logs what it read. Throws DataError for bad text (DocumentReader's rules) and when there is no
/// text at all.
void for_each_line(const std::vector<std::string>& patterns, const CorpusOptions& options,
                   const std::function<void(std::string_view)>& take_line);

}  // namespace lambert
