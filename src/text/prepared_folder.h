// SPDX-License-Identifier: Apache-2.0
// The output folder of `lambert prepare` while it is being filled. Below .prepare/ lie the plan
// (everything that decides the output), the lock, and a record of every finished chunk; a chunk
// with a record is never made again.
#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/file_system.h"
#include "data/dataset.h"
#include "text/chunk_reader.h"

namespace lambert {

/// What is known of a finished chunk.
struct ChunkRecord {
  bool is_last_of_group = false;
  std::int64_t usable_documents = 0;  // with at least one token
  std::int64_t sentences = 0;
  BadTextCounts counts;
  std::vector<DatasetInfo::Shard> shards;  // one per pass; none when the chunk gives no example
};

using ChunkRecords = std::map<ChunkId, ChunkRecord>;

class PreparedFolder {
 public:
  PreparedFolder(FileSystem& file_system, std::filesystem::path folder);
  ~PreparedFolder();
  PreparedFolder(const PreparedFolder&) = delete;
  PreparedFolder& operator=(const PreparedFolder&) = delete;

  /// Rank 0, first: creates the folder, takes the lock (until destruction), stores the plan or
  /// compares it with the stored one, removes what an interrupted run left half-written. Throws
  /// BusyError when another prepare holds the lock, ConfigError when the folder belongs to another
  /// plan or to something else.
  void open(const std::string& plan);
  /// Other ranks, after rank 0: throws DataError when this rank's plan differs (it sees other input
  /// files).
  void check_plan(const std::string& plan) const;

  bool is_complete() const;
  std::filesystem::path shard_path(const ChunkId& chunk, std::int64_t pass) const;
  /// Records whose shards exist.
  ChunkRecords read_records() const;
  void write_record(const ChunkId& chunk, const ChunkRecord& record);
  /// Rank 0, last: tokenizer file, index.json, and the records are removed.
  void complete(const DatasetInfo& info, const std::filesystem::path& tokenizer_file);

 private:
  std::filesystem::path work_folder() const { return folder_ / kPrepareStateFolder; }
  std::filesystem::path records_folder() const { return work_folder() / "chunks"; }
  void take_lock();
  void store_plan(const std::string& plan);
  bool has_finished_files() const;
  void remove_partial_files();
  std::optional<ChunkRecord> read_record(const std::filesystem::path& file) const;

  FileSystem& file_system_;
  std::filesystem::path folder_;
  int lock_descriptor_ = -1;
};

}  // namespace lambert
