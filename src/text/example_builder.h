// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "base/counter_rng.h"
#include "data/example.h"

namespace lambert {

/// The token ids of one document, sentence by sentence. Sentences without a token are not stored.
class TokenizedDocument {
 public:
  std::size_t sentence_count() const { return ends_.size(); }
  std::span<const std::int32_t> sentence(std::size_t index) const {
    return sentences(index, index + 1);
  }
  /// The ids of sentences [first, last), which lie side by side; first < last.
  std::span<const std::int32_t> sentences(std::size_t first, std::size_t last) const {
    const std::size_t begin = first == 0 ? 0 : ends_[first - 1];
    return std::span(token_ids_).subspan(begin, ends_[last - 1] - begin);
  }
  /// Where a tokenizer appends the ids of the next sentence; end_sentence() closes it.
  std::vector<std::int32_t>& token_ids() { return token_ids_; }
  void end_sentence() {
    if (token_ids_.size() > (ends_.empty() ? 0 : ends_.back())) {
      ends_.push_back(token_ids_.size());
    }
  }

 private:
  std::vector<std::int32_t> token_ids_;
  std::vector<std::size_t> ends_;  // one past the last token of each sentence
};

struct ExampleSettings {
  std::int64_t max_seq_length = 0;          // with [CLS] and both [SEP]; at least kShortestSequence
  double short_sequence_probability = 0.1;  // share of passes with a shorter target
  std::uint64_t seed = 0;
};

/// [CLS] A [SEP] B [SEP] with two tokens of text.
constexpr std::int64_t kShortestSequence = 5;

/// Next-sentence pairs as BERT's original data step makes them (google-research/bert,
/// create_pretraining_data.py, create_instances_from_document), unmasked. A pure function of the
/// settings, the documents and the numbers given; one object serves all threads.
class ExampleBuilder {
 public:
  ExampleBuilder(const ExampleSettings& settings, const SpecialTokens& special_tokens);

  /// All examples of documents[index] in one pass over the corpus, in order. A random next segment
  /// comes from another of `documents` (from the same one when ten tries find no other).
  /// document_number names the document in the whole corpus and, with the pass, its random numbers.
  /// Every document has a sentence.
  void build(std::span<const TokenizedDocument> documents, std::size_t index,
             std::uint64_t document_number, std::uint32_t pass,
             const std::function<void(const Example&)>& take) const;

 private:
  ExampleSettings settings_;
  SpecialTokens special_tokens_;
  PhiloxKey key_;
};

}  // namespace lambert
