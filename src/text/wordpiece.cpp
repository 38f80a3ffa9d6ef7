// SPDX-License-Identifier: Apache-2.0
#include "text/wordpiece.h"

namespace lambert {
namespace {

/// Spells words with the longest pieces. No cache of whole words: a walk through the trie costs one
/// memory access a byte, less than hashing the word.
class PieceWriter : public WordSink {
 public:
  PieceWriter(const PieceTrie& trie, PieceTrie::Node continuation, std::int32_t unknown,
              std::vector<std::int32_t>& ids)
      : trie_(trie), continuation_(continuation), unknown_(unknown), ids_(ids) {}

  void take_word(std::string_view word) override {
    const std::size_t size_before = ids_.size();
    PieceTrie::Node start = PieceTrie::kRoot;
    for (std::size_t offset = 0; offset < word.size();) {
      const PieceTrie::Match match = start == PieceTrie::kNowhere
                                         ? PieceTrie::Match{}
                                         : trie_.longest_prefix(word.substr(offset), start);
      if (match.id < 0) {
        ids_.resize(size_before);
        ids_.push_back(unknown_);
        return;
      }
      ids_.push_back(match.id);
      offset += match.byte_count;
      start = continuation_;
    }
  }

  void take_overlong_word() override { ids_.push_back(unknown_); }

 private:
  const PieceTrie& trie_;
  PieceTrie::Node continuation_;
  std::int32_t unknown_;
  std::vector<std::int32_t>& ids_;
};

}  // namespace

WordPieceTokenizer::WordPieceTokenizer(const std::filesystem::path& vocabulary_file, bool cased)
    : file_(vocabulary_file),
      vocabulary_(read_vocabulary(vocabulary_file)),
      normalizer_(cased),
      continuation_(vocabulary_.trie().walk(kContinuation)) {}

void WordPieceTokenizer::encode(std::string_view text, std::vector<std::int32_t>& ids) const {
  PieceWriter writer(vocabulary_.trie(), continuation_, vocabulary_.special_tokens().unknown, ids);
  normalizer_.split(text, writer);
}

}  // namespace lambert
