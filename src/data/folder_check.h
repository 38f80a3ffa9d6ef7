// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace lambert {

/// One thing wrong with a prepared folder.
struct FolderMistake {
  std::string file;  // name inside the folder
  std::string found;
};

/// Reads every byte of the folder: index, vocabulary, every shard with its hash and records, and
/// files that the index does not list. Empty when all is well. Throws DataError when the index
/// itself cannot be used.
std::vector<FolderMistake> check_prepared_folder(const std::filesystem::path& folder);

}  // namespace lambert
