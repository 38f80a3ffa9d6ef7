// SPDX-License-Identifier: Apache-2.0
// The story. Sentences of the document are collected into a chunk until it holds the target length
// or the document ends. The chunk is cut at a random sentence into A and the rest. With probability
// one half, and always when there is no rest, B is taken from another document, starting at a
// random sentence, and the rest goes back to be collected again; otherwise B is the rest. The pair
// is then cut down to the longest length allowed.
#include "text/example_builder.h"

#include <algorithm>

#include "base/error.h"

namespace lambert {
namespace {

constexpr int kTriesForAnotherDocument = 10;

using TokenSpan = std::span<const std::int32_t>;

struct Pair {
  TokenSpan first;   // A
  TokenSpan second;  // B
  bool is_random_next = false;
};

/// Evenly from first..last, both included.
std::size_t draw(CounterStream& random, std::size_t first, std::size_t last) {
  return first + random.below(static_cast<std::uint32_t>(last - first + 1));
}

TokenSpan draw_other_segment(std::span<const TokenizedDocument> documents, std::size_t index,
                             std::size_t target_length, CounterStream& random) {
  std::size_t other = index;
  for (int tries = 0; tries < kTriesForAnotherDocument && other == index; ++tries) {
    other = draw(random, 0, documents.size() - 1);
  }
  const TokenizedDocument& document = documents[other];
  const std::size_t start = draw(random, 0, document.sentence_count() - 1);
  std::size_t end = start + 1;
  while (end < document.sentence_count() && document.sentences(start, end).size() < target_length) {
    ++end;
  }
  return document.sentences(start, end);
}

/// One token at a time from the longer side (B on a tie), front or back with probability one half.
void truncate(Pair& pair, std::size_t max_tokens, CounterStream& random) {
  while (pair.first.size() + pair.second.size() > max_tokens) {
    TokenSpan& longer = pair.first.size() > pair.second.size() ? pair.first : pair.second;
    longer = random.uniform() < 0.5 ? longer.subspan(1) : longer.first(longer.size() - 1);
  }
}

void assemble(const Pair& pair, const SpecialTokens& special_tokens, Example& example) {
  std::vector<std::int32_t>& ids = example.token_ids;
  ids.clear();
  ids.push_back(special_tokens.cls);
  ids.insert(ids.end(), pair.first.begin(), pair.first.end());
  ids.push_back(special_tokens.sep);
  example.first_segment_length = static_cast<std::int32_t>(ids.size());
  ids.insert(ids.end(), pair.second.begin(), pair.second.end());
  ids.push_back(special_tokens.sep);
  example.is_random_next = pair.is_random_next;
}

}  // namespace

ExampleBuilder::ExampleBuilder(const ExampleSettings& settings, const SpecialTokens& special_tokens)
    : settings_(settings),
      special_tokens_(special_tokens),
      key_(philox_key(settings.seed, RandomPurpose::example_building)) {
  LAMBERT_CHECK(settings.max_seq_length >= kShortestSequence,
                "max_seq_length is too small for a pair");
}

void ExampleBuilder::build(std::span<const TokenizedDocument> documents, std::size_t index,
                           std::uint64_t document_number, std::uint32_t pass,
                           const std::function<void(const Example&)>& take) const {
  CounterStream random(key_, document_number, pass);
  const TokenizedDocument& document = documents[index];
  const auto max_tokens = static_cast<std::size_t>(settings_.max_seq_length - 3);
  std::size_t target_length = max_tokens;
  if (random.uniform() < settings_.short_sequence_probability) {
    target_length = draw(random, 2, max_tokens);
  }
  Example example;
  std::size_t start = 0;
  for (std::size_t end = 1; end <= document.sentence_count(); ++end) {
    if (end < document.sentence_count() && document.sentences(start, end).size() < target_length) {
      continue;
    }
    const std::size_t collected = end - start;
    const std::size_t cut = collected < 2 ? end : start + draw(random, 1, collected - 1);
    Pair pair;
    pair.first = document.sentences(start, cut);
    pair.is_random_next = collected == 1 || random.uniform() < 0.5;
    if (pair.is_random_next) {
      const std::size_t wanted = target_length - std::min(target_length, pair.first.size());
      pair.second = draw_other_segment(documents, index, wanted, random);
      end = cut;
    } else {
      pair.second = document.sentences(cut, end);
    }
    truncate(pair, max_tokens, random);
    assemble(pair, special_tokens_, example);
    take(example);
    start = end;
  }
}

}  // namespace lambert
