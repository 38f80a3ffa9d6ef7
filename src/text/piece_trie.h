// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace lambert {

/// Longest-prefix search over byte strings: a double array, so one step costs one array access
/// whatever the number of pieces. Immutable, hence thread-safe.
class PieceTrie {
 public:
  struct Match {
    std::int32_t id = -1;  // -1: no piece is a prefix
    std::size_t byte_count = 0;
  };
  using Node = std::int32_t;
  static constexpr Node kRoot = 0;
  static constexpr Node kNowhere = -1;

  PieceTrie() = default;
  /// Piece i gets id i. Pieces must be different and not empty.
  explicit PieceTrie(const std::vector<std::string>& pieces);

  /// The longest piece that begins at text[0]; start is a node reached by walk(), kRoot for whole
  /// pieces.
  Match longest_prefix(std::string_view text, Node start = kRoot) const;
  std::optional<std::int32_t> find(std::string_view piece) const;
  /// The node after prefix, kNowhere when no piece starts with it.
  Node walk(std::string_view prefix) const;

 private:
  struct Slot {
    std::int32_t base = 0;     // children sit at base + byte
    std::int32_t parent = -1;  // -1: free
    std::int32_t id = -1;
  };
  friend class PieceTrieBuilder;

  Node step(Node node, unsigned char byte) const {
    const std::size_t next =
        static_cast<std::size_t>(slots_[static_cast<std::size_t>(node)].base) + byte;
    return next < slots_.size() && slots_[next].parent == node ? static_cast<Node>(next) : kNowhere;
  }

  std::vector<Slot> slots_;
};

}  // namespace lambert
