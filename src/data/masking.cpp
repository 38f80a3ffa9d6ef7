// SPDX-License-Identifier: Apache-2.0
#include "data/masking.h"

#include <algorithm>
#include <cmath>
#include <utility>

namespace lambert {
namespace {

constexpr double kMaskShare = 0.8;
constexpr double kKeepShare = 0.1;

/// Positions that may be chosen, in order.
std::vector<std::int32_t> candidate_positions(const Example& example,
                                              const SpecialTokens& special) {
  std::vector<std::int32_t> candidates;
  candidates.reserve(example.token_ids.size());
  for (std::size_t i = 0; i < example.token_ids.size(); ++i) {
    const std::int32_t id = example.token_ids[i];
    if (id != special.cls && id != special.sep) {
      candidates.push_back(static_cast<std::int32_t>(i));
    }
  }
  return candidates;
}

/// The first count places of a Fisher-Yates shuffle: an even choice without repetition.
void choose_in_front(std::vector<std::int32_t>& candidates, std::size_t count,
                     CounterStream& stream) {
  for (std::size_t i = 0; i < count; ++i) {
    const std::size_t other = i + stream.below(static_cast<std::uint32_t>(candidates.size() - i));
    std::swap(candidates[i], candidates[other]);
  }
  candidates.resize(count);
  std::sort(candidates.begin(), candidates.end());
}

std::int32_t replacement(std::int32_t original, const MaskingRule& rule, CounterStream& stream) {
  const double choice = stream.uniform();
  if (choice < kMaskShare) {
    return rule.special_tokens.mask;
  }
  if (choice < kMaskShare + kKeepShare) {
    return original;
  }
  return static_cast<std::int32_t>(stream.below(static_cast<std::uint32_t>(rule.vocab_size)));
}

}  // namespace

std::int64_t masked_token_count(std::int64_t token_count, const MaskingRule& rule) {
  // nearbyint rounds a half to even, as Python's round does.
  const auto wanted = static_cast<std::int64_t>(
      std::nearbyint(static_cast<double>(token_count) * rule.masked_lm_prob));
  return std::min(rule.max_predictions, std::max<std::int64_t>(1, wanted));
}

Masking mask_example(const Example& example, const MaskingRule& rule, CounterStream stream) {
  Masking masking;
  masking.positions = candidate_positions(example, rule.special_tokens);
  const std::int64_t wanted =
      masked_token_count(static_cast<std::int64_t>(example.token_ids.size()), rule);
  choose_in_front(masking.positions,
                  std::min(masking.positions.size(), static_cast<std::size_t>(wanted)), stream);
  for (const std::int32_t position : masking.positions) {
    const std::int32_t original = example.token_ids[static_cast<std::size_t>(position)];
    masking.labels.push_back(original);
    masking.replacements.push_back(replacement(original, rule, stream));
  }
  return masking;
}

}  // namespace lambert
