// SPDX-License-Identifier: Apache-2.0
#include "text/piece_trie.h"

#include <algorithm>
#include <array>
#include <numeric>

namespace lambert {

// Places one node's children at a time, from the sorted pieces: all pieces of a range share their
// first depth bytes, and each distinct next byte is one child with its own range. A work list
// replaces recursion.
class PieceTrieBuilder {
 public:
  PieceTrieBuilder(const std::vector<std::string>& pieces, std::vector<PieceTrie::Slot>& slots)
      : pieces_(pieces), slots_(slots), order_(pieces.size()) {
    std::iota(order_.begin(), order_.end(), 0);
    std::sort(order_.begin(), order_.end(), [&pieces](std::size_t left, std::size_t right) {
      return pieces[left] < pieces[right];
    });
  }

  void build() {
    slots_.assign(1, {});
    slots_[0].parent = 0;  // the root, which no step can reach: bases are at least 1
    std::vector<Range> pending = {{0, order_.size(), 0, PieceTrie::kRoot}};
    while (!pending.empty()) {
      const Range range = pending.back();
      pending.pop_back();
      place_children(range, pending);
    }
  }

 private:
  static constexpr std::size_t kAlphabet = 256;

  struct Range {
    std::size_t first = 0;
    std::size_t last = 0;
    std::size_t depth = 0;
    PieceTrie::Node node = 0;
  };

  unsigned char byte_of(std::size_t index, std::size_t depth) const {
    return static_cast<unsigned char>(pieces_[order_[index]][depth]);
  }

  void place_children(Range range, std::vector<Range>& pending) {
    const auto node = static_cast<std::size_t>(range.node);
    if (range.first < range.last && pieces_[order_[range.first]].size() == range.depth) {
      slots_[node].id = static_cast<std::int32_t>(order_[range.first]);
      ++range.first;
    }
    std::vector<Range> children;
    for (std::size_t i = range.first; i < range.last; ++i) {
      if (i == range.first || byte_of(i, range.depth) != byte_of(i - 1, range.depth)) {
        children.push_back({i, i, range.depth + 1, byte_of(i, range.depth)});
      }
      ++children.back().last;
    }
    if (children.empty()) {
      return;
    }
    const std::size_t base = find_base(children);
    slots_[node].base = static_cast<std::int32_t>(base);
    for (Range& child : children) {
      const std::size_t slot = base + static_cast<std::size_t>(child.node);
      take_slot(slot, range.node);
      child.node = static_cast<PieceTrie::Node>(slot);
      pending.push_back(child);
    }
  }

  /// A base at which every child's slot is free. Only free slots are looked at, and only so many:
  /// single children fit the first one, so they fill the holes that larger families leave.
  std::size_t find_base(const std::vector<Range>& children) {
    constexpr int kPatience = 256;
    const auto first_byte = static_cast<std::size_t>(children.front().node);
    std::size_t slot = next_free_[0];
    for (int tried = 0; tried < kPatience && slot != 0; ++tried, slot = next_free_[slot]) {
      if (slot > first_byte && fits(slot - first_byte, children)) {
        return slot - first_byte;
      }
    }
    const std::size_t base = slots_.size();
    add_free_slots(kAlphabet);
    return base;
  }

  bool fits(std::size_t base, const std::vector<Range>& children) {
    while (base + kAlphabet > slots_.size()) {
      add_free_slots(kAlphabet);
    }
    return std::all_of(children.begin(), children.end(), [this, base](const Range& child) {
      return slots_[base + static_cast<std::size_t>(child.node)].parent == -1;
    });
  }

  // The free slots form a ring in both directions, with slot 0, the root, as its start and end.
  void add_free_slots(std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) {
      const std::size_t slot = slots_.size();
      slots_.emplace_back();
      next_free_.push_back(0);
      previous_free_.push_back(previous_free_[0]);
      next_free_[previous_free_[0]] = slot;
      previous_free_[0] = slot;
    }
  }

  void take_slot(std::size_t slot, PieceTrie::Node parent) {
    slots_[slot].parent = parent;
    next_free_[previous_free_[slot]] = next_free_[slot];
    previous_free_[next_free_[slot]] = previous_free_[slot];
  }

  const std::vector<std::string>& pieces_;
  std::vector<PieceTrie::Slot>& slots_;
  std::vector<std::size_t> order_;
  std::vector<std::size_t> next_free_ = {0};
  std::vector<std::size_t> previous_free_ = {0};
};

PieceTrie::PieceTrie(const std::vector<std::string>& pieces) {
  PieceTrieBuilder(pieces, slots_).build();
  while (slots_.size() > 1 && slots_.back().parent == -1) {
    slots_.pop_back();
  }
  slots_.shrink_to_fit();
}

PieceTrie::Match PieceTrie::longest_prefix(std::string_view text, Node start) const {
  Match best;
  Node node = start;
  for (std::size_t i = 0; i < text.size(); ++i) {
    node = step(node, static_cast<unsigned char>(text[i]));
    if (node == kNowhere) {
      break;
    }
    const std::int32_t id = slots_[static_cast<std::size_t>(node)].id;
    if (id >= 0) {
      best = {id, i + 1};
    }
  }
  return best;
}

PieceTrie::Node PieceTrie::walk(std::string_view prefix) const {
  Node node = slots_.empty() ? kNowhere : kRoot;
  for (std::size_t i = 0; i < prefix.size() && node != kNowhere; ++i) {
    node = step(node, static_cast<unsigned char>(prefix[i]));
  }
  return node;
}

std::optional<std::int32_t> PieceTrie::find(std::string_view piece) const {
  const Node node = walk(piece);
  if (node == kNowhere || slots_[static_cast<std::size_t>(node)].id < 0) {
    return std::nullopt;
  }
  return slots_[static_cast<std::size_t>(node)].id;
}

}  // namespace lambert
