// SPDX-License-Identifier: Apache-2.0
#include "support/nccl_stand_in/exchange.h"

#include <array>
#include <chrono>
#include <cstring>
#include <new>
#include <stdexcept>
#include <thread>

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

namespace lambert::stand_in {

/// Zero at first, which is a valid start of all of it.
struct Exchange::Shared {
  std::atomic<std::uint32_t> arrived;
  std::atomic<std::uint32_t> meeting;  // number of the meeting that is being waited for
  alignas(64) std::array<std::array<std::byte, kPieceBytes>, kMostRanks> pieces;
};

std::string Exchange::create() {
  static std::atomic<int> count = 0;
  std::string name =
      "/lambert-stand-in-" + std::to_string(getpid()) + "-" + std::to_string(++count);
  const int file = shm_open(name.c_str(), O_CREAT | O_EXCL | O_RDWR, 0600);
  if (file < 0 || ftruncate(file, sizeof(Shared)) != 0) {
    throw std::runtime_error("making shared memory " + name);
  }
  close(file);
  return name;
}

Exchange::Exchange(const std::string& name, int ranks, int rank)
    : name_(name), ranks_(ranks), rank_(rank) {
  const int file = shm_open(name.c_str(), O_RDWR, 0600);
  void* memory = file < 0
                     ? MAP_FAILED
                     : mmap(nullptr, sizeof(Shared), PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  if (memory == MAP_FAILED || ranks > kMostRanks) {
    throw std::runtime_error("opening shared memory " + name);
  }
  close(file);
  shared_ = static_cast<Shared*>(memory);
  if (arrive() && rank_ == 0) {
    shm_unlink(name_.c_str());  // all have it: it goes with the last process
  }
}

Exchange::~Exchange() {
  munmap(shared_, sizeof(Shared));
}

bool Exchange::meet(std::span<const std::byte> piece, const std::function<void()>& take) {
  if (!piece.empty()) {
    std::memcpy(shared_->pieces[static_cast<std::size_t>(rank_)].data(), piece.data(),
                piece.size());
  }
  if (!arrive()) {
    return false;
  }
  take();
  return arrive();  // nobody puts the next piece before all have taken this one
}

const std::byte* Exchange::piece(int rank) const {
  return shared_->pieces[static_cast<std::size_t>(rank)].data();
}

bool Exchange::arrive() {
  const std::uint32_t meeting = shared_->meeting.load();
  if (shared_->arrived.fetch_add(1) + 1 == static_cast<std::uint32_t>(ranks_)) {
    shared_->arrived.store(0);
    shared_->meeting.fetch_add(1);
    return true;
  }
  for (int look = 0; shared_->meeting.load() == meeting; ++look) {
    if (is_aborted_) {
      return false;
    }
    if (look < 100) {
      std::this_thread::yield();
    } else {
      std::this_thread::sleep_for(std::chrono::microseconds(50));
    }
  }
  return true;
}

}  // namespace lambert::stand_in
