// SPDX-License-Identifier: Apache-2.0
#include "text/chunk_reader.h"

#include <utility>

namespace lambert {
namespace {

/// Group in the upper bits, place in the group below: no two documents of a corpus share a number.
constexpr unsigned kGroupShift = 40;

}  // namespace

std::vector<std::vector<std::filesystem::path>> group_files(
    const std::vector<std::filesystem::path>& files, std::int64_t chunk_bytes) {
  std::vector<std::vector<std::filesystem::path>> groups;
  std::uintmax_t bytes = 0;
  for (const std::filesystem::path& file : files) {
    if (groups.empty() || bytes >= static_cast<std::uintmax_t>(chunk_bytes)) {
      groups.emplace_back();
      bytes = 0;
    }
    groups.back().push_back(file);
    bytes += std::filesystem::file_size(file);
  }
  return groups;
}

std::int64_t ChunkReader::size_of(const Document& document) {
  std::size_t bytes = 0;
  for (const std::string& line : document.lines) {
    bytes += line.size() + 1;
  }
  return static_cast<std::int64_t>(bytes);
}

bool ChunkReader::read_document(Document& document) {
  while (true) {
    if (!reader_) {
      if (next_file_ == files_.size()) {
        return false;
      }
      reader_ = std::make_unique<DocumentReader>(files_[next_file_++], options_);
    }
    if (reader_->next(document)) {
      return true;
    }
    closed_files_ += reader_->bad_text();
    reader_.reset();
  }
}

void ChunkReader::collect() {
  while (!ended_ && waiting_bytes_ < chunk_bytes_ + chunk_bytes_ / 2) {
    Document document;
    if (read_document(document)) {
      waiting_bytes_ += size_of(document);
      waiting_.push_back(std::move(document));
    } else {
      ended_ = true;
    }
  }
}

bool ChunkReader::next(Chunk& chunk) {
  if (finished_) {
    return false;
  }
  collect();
  chunk = {};
  chunk.id = id_;
  chunk.is_last_of_group = ended_;
  chunk.first_document = (static_cast<std::uint64_t>(id_.group) << kGroupShift) + documents_taken_;
  std::int64_t bytes = 0;
  while (!waiting_.empty() && (ended_ || bytes < chunk_bytes_)) {
    bytes += size_of(waiting_.front());
    chunk.documents.push_back(std::move(waiting_.front()));
    waiting_.pop_front();
  }
  waiting_bytes_ -= bytes;
  documents_taken_ += chunk.documents.size();
  BadTextCounts now = closed_files_;
  if (reader_) {
    now += reader_->bad_text();
  }
  chunk.counts = now - reported_;
  reported_ = now;
  ++id_.index;
  finished_ = ended_;
  return true;
}

}  // namespace lambert
