// SPDX-License-Identifier: Apache-2.0
#include "text/chunk_source.h"

#include <utility>

namespace lambert {

/// Empty when nothing is left.
std::unique_ptr<ChunkReader> ChunkSource::take_group() {
  std::unique_lock lock(mutex_);
  returned_.wait(lock, [this] { return stopped_ || !groups_.empty() || being_read_ == 0; });
  if (stopped_ || groups_.empty()) {
    return nullptr;
  }
  std::unique_ptr<ChunkReader> group = std::move(groups_.front());
  groups_.pop_front();
  ++being_read_;
  return group;
}

bool ChunkSource::read_wanted(ChunkReader& group, Chunk& chunk) const {
  while (group.next(chunk)) {
    if (wanted_(chunk.id)) {
      return true;
    }
  }
  return false;
}

bool ChunkSource::next(Chunk& chunk) {
  while (std::unique_ptr<ChunkReader> group = take_group()) {
    bool found = false;
    try {
      found = read_wanted(*group, chunk);
    } catch (...) {
      stop();
      throw;
    }
    {
      const std::scoped_lock lock(mutex_);
      --being_read_;
      if (found) {
        // In front: an open group holds memory and is finished before another is opened.
        groups_.push_front(std::move(group));
      }
    }
    returned_.notify_all();
    if (found) {
      return true;
    }
  }
  return false;
}

void ChunkSource::stop() {
  {
    const std::scoped_lock lock(mutex_);
    stopped_ = true;
  }
  returned_.notify_all();
}

}  // namespace lambert
