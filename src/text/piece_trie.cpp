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
    slots_.assign(kAlphabet, {});
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
      slots_[slot].parent = range.node;
      child.node = static_cast<PieceTrie::Node>(slot);
      pending.push_back(child);
    }
  }

  std::size_t find_base(const std::vector<Range>& children) {
    const auto first_byte = static_cast<std::size_t>(children.front().node);
    std::size_t tried = 0;
    for (std::size_t slot = std::max(search_start_, first_byte + 1);; ++slot) {
      if (slot - first_byte + kAlphabet > slots_.size()) {
        slots_.resize(slots_.size() * 2);
      }
      if (slots_[slot].parent != -1) {
        continue;
      }
      const std::size_t base = slot - first_byte;
      const bool fits =
          std::all_of(children.begin(), children.end(), [this, base](const Range& child) {
            return slots_[base + static_cast<std::size_t>(child.node)].parent == -1;
          });
      if (fits) {
        return base;
      }
      // The crowded part is left behind after this many failures, which keeps building near linear.
      constexpr std::size_t kPatience = 64;
      if (++tried == kPatience) {
        search_start_ = slot;
        tried = 0;
      }
    }
  }

  const std::vector<std::string>& pieces_;
  std::vector<PieceTrie::Slot>& slots_;
  std::vector<std::size_t> order_;
  std::size_t search_start_ = 1;
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
