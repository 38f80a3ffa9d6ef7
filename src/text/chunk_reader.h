// SPDX-License-Identifier: Apache-2.0
// The corpus is worked on in chunks: about chunk_bytes of consecutive documents. Where chunks begin
// and end, and the numbers of their documents, follow from the input files alone, never from
// workers or ranks.
#pragma once

#include <cstdint>
#include <deque>
#include <filesystem>
#include <memory>
#include <utility>
#include <vector>

#include "text/document_reader.h"

namespace lambert {

/// Large enough for some thousand examples and many documents to draw from, small enough for one
/// per core.
constexpr std::int64_t kDefaultChunkBytes = 8 << 20;

/// Names a chunk: its group of files, and its place in the group.
struct ChunkId {
  std::int64_t group = 0;
  std::int64_t index = 0;
  auto operator<=>(const ChunkId&) const = default;
};

struct Chunk {
  ChunkId id;
  bool is_last_of_group = false;
  std::uint64_t first_document = 0;  // number of documents[0] in the corpus
  std::vector<Document> documents;
  BadTextCounts counts;  // of the text read for this chunk
};

/// Consecutive input files that are read as one stream: many small files make one group, so that
/// they share chunks; a file of chunk_bytes or more on disk is a group of its own, or ends one.
std::vector<std::vector<std::filesystem::path>> group_files(
    const std::vector<std::filesystem::path>& files, std::int64_t chunk_bytes);

/// The chunks of one group, in order. The rest of a group is kept in one piece up to 1.5
/// chunk_bytes, so no chunk is tiny unless the group is. A group has at least one chunk, empty when
/// it holds no document.
class ChunkReader {
 public:
  ChunkReader(std::int64_t group, std::vector<std::filesystem::path> files,
              const CorpusOptions& options, std::int64_t chunk_bytes)
      : files_(std::move(files)), options_(options), chunk_bytes_(chunk_bytes), id_{group, 0} {}

  bool next(Chunk& chunk);

 private:
  bool read_document(Document& document);
  void collect();
  static std::int64_t size_of(const Document& document);

  std::vector<std::filesystem::path> files_;
  CorpusOptions options_;
  std::int64_t chunk_bytes_;
  ChunkId id_;
  std::size_t next_file_ = 0;
  std::unique_ptr<DocumentReader> reader_;
  std::deque<Document> waiting_;
  std::int64_t waiting_bytes_ = 0;
  std::uint64_t documents_taken_ = 0;
  BadTextCounts closed_files_;  // counts of files read to the end
  BadTextCounts reported_;      // counts already handed out with chunks
  bool ended_ = false;          // nothing is left to read
  bool finished_ = false;       // the last chunk was handed out
};

}  // namespace lambert
