// SPDX-License-Identifier: Apache-2.0
#include "data/folder_check.h"

#include <map>
#include <set>

#include "base/error.h"
#include "base/file_system.h"
#include "base/hash.h"
#include "base/mapped_file.h"
#include "data/dataset.h"
#include "data/prepared_dataset.h"
#include "data/shard_reader.h"

namespace lambert {
namespace {

namespace fs = std::filesystem;

/// One check collects all mistakes of a folder, so here an error becomes a line of the list.
template <typename Check>
void collect(const std::string& file, std::vector<FolderMistake>& mistakes, const Check& check) {
  try {
    check();
  } catch (const DataError& error) {
    mistakes.push_back({file, error.what()});
  }
}

std::string hash_of_content(const fs::path& path) {
  const MappedFile file(path);  // refuses a pipe, on which a plain read would wait
  file.check_not_shrunk();
  return hash128_hex(file.bytes());
}

/// Which shard a content belongs to, by the hashes of the index.
using Owners = std::map<std::string, std::string>;

void check_shard(const fs::path& path, const DatasetInfo::Shard& entry, const DatasetInfo& info,
                 const Owners& owners, std::vector<FolderMistake>& mistakes) {
  std::string hash;
  collect(entry.file, mistakes, [&] { hash = hash_of_content(path); });
  if (hash.empty()) {
    return;
  }
  const auto owner = owners.find(hash);
  if (hash != entry.hash && owner != owners.end()) {
    mistakes.push_back(
        {entry.file, "it holds the content of " + owner->second + " (swapped or copied)"});
    return;
  }
  const std::size_t known_mistakes = mistakes.size();
  collect(entry.file, mistakes, [&] {
    ShardReader shard(path);
    check_shard_against_index(shard, entry, info, path.parent_path() / kDatasetIndexFile);
    for (std::int64_t record = 0; record < shard.example_count(); ++record) {
      shard.read(record);
    }
  });
  if (hash != entry.hash && mistakes.size() == known_mistakes) {
    mistakes.push_back({entry.file, "its hash is " + hash + ", the index lists " + entry.hash +
                                        " (a shard of another run of prepare?)"});
  }
}

}  // namespace

std::vector<FolderMistake> check_prepared_folder(const fs::path& folder) {
  const DatasetInfo info = read_dataset_info(folder);
  std::vector<FolderMistake> mistakes;
  collect(info.tokenizer_file, mistakes, [&] { check_vocabulary_file(folder, info); });

  Owners owners;
  std::set<std::string> listed = {kDatasetIndexFile, kPrepareStateFolder, info.tokenizer_file};
  for (const DatasetInfo::Shard& entry : info.shards) {
    listed.insert(entry.file);
    const auto [first, is_new] = owners.emplace(entry.hash, entry.file);
    if (!is_new) {
      mistakes.push_back({entry.file, "the index lists it with the content of " + first->second});
    }
  }
  for (const DatasetInfo::Shard& entry : info.shards) {
    check_shard(folder / entry.file, entry, info, owners, mistakes);
  }
  for (const std::string& name : make_posix_file_system()->list_directory(folder)) {
    if (!listed.contains(name)) {
      mistakes.push_back({name, "the index does not list it"});
    }
  }
  return mistakes;
}

}  // namespace lambert
