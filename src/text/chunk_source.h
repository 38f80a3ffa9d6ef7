// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>

#include "text/chunk_reader.h"

namespace lambert {

/// Hands the chunks of all groups to the workers of this rank. A group is read by one worker at a
/// time; others take another group or, when all open ones are being read, wait. So a single large
/// file still keeps all workers busy, and many files are read in parallel. Thread-safe.
class ChunkSource {
 public:
  /// wanted: chunks for which it is false are read past; called by several threads.
  ChunkSource(std::deque<std::unique_ptr<ChunkReader>> groups,
              std::function<bool(const ChunkId&)> wanted)
      : groups_(std::move(groups)), wanted_(std::move(wanted)) {}

  /// False when nothing is left, or stop() was called.
  bool next(Chunk& chunk);
  /// No further chunk is handed out: a worker has failed.
  void stop();

 private:
  std::unique_ptr<ChunkReader> take_group();
  bool read_wanted(ChunkReader& group, Chunk& chunk) const;

  std::mutex mutex_;
  std::condition_variable returned_;
  std::deque<std::unique_ptr<ChunkReader>> groups_;  // not being read; opened ones first
  std::size_t being_read_ = 0;
  bool stopped_ = false;
  std::function<bool(const ChunkId&)> wanted_;
};

}  // namespace lambert
