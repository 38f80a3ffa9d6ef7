// SPDX-License-Identifier: Apache-2.0
#include <cstring>

#include "text/sentencepiece_check.h"
#include "text/utf8.h"

namespace lambert {
namespace {

constexpr std::uint32_t kByteValues = 256;

/// One unit of the Darts-clone double array, whose bit layout these four functions repeat.
struct Unit {
  std::uint32_t bits = 0;

  bool has_leaf() const { return ((bits >> 8U) & 1U) == 1U; }
  std::uint32_t value() const { return bits & 0x7FFFFFFFU; }
  std::uint32_t label() const { return bits & 0x800000FFU; }
  std::uint32_t offset() const { return (bits >> 10U) << ((bits & (1U << 9U)) >> 6U); }
};

class CharsmapWalk {
 public:
  CharsmapWalk(std::string_view trie, std::string_view replacements)
      : trie_(trie),
        replacements_(replacements),
        unit_count_(trie.size() / sizeof(std::uint32_t)) {}

  std::string find_fault() {
    std::vector<bool> seen(unit_count_, false);
    std::vector<std::uint32_t> pending = {unit(0).offset()};
    while (!pending.empty()) {
      const std::uint32_t position = pending.back();
      pending.pop_back();
      for (std::uint32_t byte = 0; byte < kByteValues; ++byte) {
        const std::uint32_t child = position ^ byte;
        if (child >= unit_count_) {
          return "unit " + std::to_string(child) + " of " + std::to_string(unit_count_) +
                 " is outside the trie";
        }
        const Unit reached = unit(child);
        if (reached.label() != byte || seen[child]) {
          continue;
        }
        seen[child] = true;
        const std::uint32_t next = child ^ reached.offset();
        if (std::string fault = leaf_fault(reached, next); !fault.empty()) {
          return fault;
        }
        pending.push_back(next);
      }
    }
    return {};
  }

 private:
  Unit unit(std::uint32_t index) const {
    Unit result;
    std::memcpy(&result.bits, trie_.data() + index * sizeof(std::uint32_t), sizeof(std::uint32_t));
    return result;
  }

  std::string leaf_fault(Unit reached, std::uint32_t next) const {
    if (!reached.has_leaf()) {
      return {};
    }
    if (next >= unit_count_) {
      return "leaf " + std::to_string(next) + " is outside the trie";
    }
    const std::uint32_t start = unit(next).value();
    const std::size_t end =
        start < replacements_.size() ? replacements_.find('\0', start) : std::string_view::npos;
    if (end == std::string_view::npos) {
      return "replacement at " + std::to_string(start) + " runs over the end";
    }
    if (find_invalid_utf8(replacements_.substr(start, end - start))) {
      return "replacement at " + std::to_string(start) + " is no UTF-8";
    }
    return {};
  }

  std::string_view trie_;
  std::string_view replacements_;
  std::size_t unit_count_;
};

}  // namespace

std::string find_charsmap_fault(std::string_view charsmap) {
  if (charsmap.empty()) {
    return {};  // identity: the model normalises nothing
  }
  std::uint32_t trie_bytes = 0;
  if (charsmap.size() <= sizeof(trie_bytes)) {
    return "shorter than its size field";
  }
  std::memcpy(&trie_bytes, charsmap.data(), sizeof(trie_bytes));
  const std::string_view content = charsmap.substr(sizeof(trie_bytes));
  if (trie_bytes >= content.size() || trie_bytes % sizeof(std::uint32_t) != 0 ||
      trie_bytes < 2 * kByteValues) {
    return "trie of " + std::to_string(trie_bytes) + " bytes in " + std::to_string(content.size());
  }
  return CharsmapWalk(content.substr(0, trie_bytes), content.substr(trie_bytes)).find_fault();
}

}  // namespace lambert
