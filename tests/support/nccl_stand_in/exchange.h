// SPDX-License-Identifier: Apache-2.0
// Memory that the ranks of a stand-in communicator share: a place for one piece of each rank, and a
// meeting point.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string>

namespace lambert::stand_in {

class Exchange {
 public:
  static constexpr std::size_t kPieceBytes = std::size_t{128} << 10U;
  static constexpr int kMostRanks = 8;

  /// Makes the memory; returns its name.
  static std::string create();
  /// Opens it, and returns when all ranks have.
  Exchange(const std::string& name, int ranks, int rank);
  ~Exchange();
  Exchange(const Exchange&) = delete;
  Exchange& operator=(const Exchange&) = delete;

  /// Puts this rank's piece (at most kPieceBytes; may be empty) in its place, and calls take when
  /// every rank has. Returns false, perhaps without it, when the exchange was aborted.
  bool meet(std::span<const std::byte> piece, const std::function<void()>& take);
  /// The piece of a rank; valid in take.
  const std::byte* piece(int rank) const;
  /// From any thread; for good.
  void abort() { is_aborted_ = true; }
  bool is_aborted() const { return is_aborted_; }

 private:
  struct Shared;
  bool arrive();

  std::string name_;
  int ranks_;
  int rank_;
  Shared* shared_ = nullptr;
  std::atomic<bool> is_aborted_ = false;
};

}  // namespace lambert::stand_in
