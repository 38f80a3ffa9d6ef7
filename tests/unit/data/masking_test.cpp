// SPDX-License-Identifier: Apache-2.0
#include "data/masking.h"

#include <algorithm>
#include <cmath>
#include <set>
#include <vector>

#include <gtest/gtest.h>

namespace lambert {
namespace {

constexpr SpecialTokens kSpecial{.pad = 0, .unknown = 1, .cls = 2, .sep = 3, .mask = 4};
constexpr std::int32_t kWord =
    900;  // every word of the examples, so that a random draw rarely hits it

MaskingRule rule_with(std::int64_t max_predictions) {
  return {.masked_lm_prob = 0.15,
          .max_predictions = max_predictions,
          .vocab_size = 1000,
          .special_tokens = kSpecial};
}

Example example_of(std::size_t length) {
  Example example;
  example.token_ids.assign(length, kWord);
  example.first_segment_length = static_cast<std::int32_t>(length / 2);
  example.token_ids.front() = kSpecial.cls;
  example.token_ids.back() = kSpecial.sep;
  example.token_ids[length / 2 - 1] = kSpecial.sep;
  return example;
}

Masking mask_sample(const Example& example, const MaskingRule& rule, std::uint64_t sample) {
  return mask_example(example, rule,
                      CounterStream(philox_key(5, RandomPurpose::masking), sample, 0));
}

/// n draws of probability p: the count may lie five standard deviations off, which happens once in
/// two million.
void expect_share(double count, double draws, double probability, const char* what) {
  EXPECT_NEAR(count, draws * probability, 5 * std::sqrt(draws * probability * (1 - probability)))
      << what;
}

TEST(Masking, CountsAsTheOriginalDoes) {
  const MaskingRule rule = rule_with(20);
  const std::pair<std::int64_t, std::int64_t> counts[] = {
      {5, 1}, {9, 1}, {10, 2}, {11, 2}, {16, 2}, {17, 3}, {30, 4}, {128, 19}, {136, 20}, {512, 20}};
  for (const auto& [tokens, masked] : counts) {
    EXPECT_EQ(masked_token_count(tokens, rule), masked) << tokens << " tokens";
  }
}

TEST(Masking, RoundsAHalfToEven) {
  MaskingRule rule = rule_with(20);
  rule.masked_lm_prob = 0.25;
  EXPECT_EQ(masked_token_count(10, rule), 2);  // 2.5
  EXPECT_EQ(masked_token_count(14, rule), 4);  // 3.5
}

TEST(Masking, ChoosesAscendingPositionsAndNeverASeparator) {
  const Example example = example_of(64);
  for (std::uint64_t sample = 0; sample < 500; ++sample) {
    const Masking masking = mask_sample(example, rule_with(80), sample);
    ASSERT_EQ(masking.positions.size(), 10U);
    const std::set<std::int32_t> distinct(masking.positions.begin(), masking.positions.end());
    EXPECT_EQ(distinct.size(), masking.positions.size());
    EXPECT_TRUE(std::is_sorted(masking.positions.begin(), masking.positions.end()));
    for (const std::int32_t label : masking.labels) {
      EXPECT_EQ(label, kWord);
    }
  }
}

TEST(Masking, MasksNoMoreThanThereAreCandidates) {
  const Example example{.token_ids = {2, 9, 3, 8, 3}, .first_segment_length = 3};
  MaskingRule rule = rule_with(20);
  rule.masked_lm_prob = 0.9;
  EXPECT_EQ(mask_sample(example, rule, 0).positions, (std::vector<std::int32_t>{1, 3}));
}

TEST(Masking, DependsOnSampleAndPhaseOnly) {
  const Example example = example_of(64);
  const MaskingRule rule = rule_with(20);
  EXPECT_EQ(mask_sample(example, rule, 1).positions, mask_sample(example, rule, 1).positions);
  EXPECT_NE(mask_sample(example, rule, 1).positions, mask_sample(example, rule, 2).positions);
  const CounterStream other_phase(philox_key(5, RandomPurpose::masking), 1, 1);
  EXPECT_NE(mask_sample(example, rule, 1).positions,
            mask_example(example, rule, other_phase).positions);
}

// 200,000 predictions: a share that is off by half a percentage point fails.
TEST(Masking, MasksEightyKeepsTenReplacesTen) {
  const Example example = example_of(128);
  constexpr std::uint64_t kSamples = 10526;
  double masks = 0;
  double kept = 0;
  double draws = 0;
  for (std::uint64_t sample = 0; sample < kSamples; ++sample) {
    for (const std::int32_t replacement :
         mask_sample(example, rule_with(20), sample).replacements) {
      masks += replacement == kSpecial.mask;
      kept += replacement == kWord;
      ++draws;
    }
  }
  ASSERT_EQ(draws, kSamples * 19);
  expect_share(masks, draws, 0.8 + 0.1 / 1000, "[MASK]");
  expect_share(kept, draws, 0.1 + 0.1 / 1000, "kept");
}

TEST(Masking, ReplacesFromTheWholeVocabulary) {
  const Example example = example_of(128);
  MaskingRule rule = rule_with(20);
  rule.vocab_size = 1000;
  std::vector<int> counts(1000);
  double draws = 0;
  for (std::uint64_t sample = 0; sample < 40000; ++sample) {
    for (const std::int32_t replacement : mask_sample(example, rule, sample).replacements) {
      if (replacement != kSpecial.mask && replacement != kWord) {
        ++counts[static_cast<std::size_t>(replacement)];
        ++draws;
      }
    }
  }
  double chi_square = 0.0;
  for (std::size_t id = 0; id < counts.size(); ++id) {
    if (id != kSpecial.mask && id != kWord) {
      chi_square += std::pow(counts[id] - draws / 998, 2) / (draws / 998);
    }
  }
  EXPECT_LT(chi_square, 997 + 5 * std::sqrt(2 * 997.0));
  EXPECT_GT(chi_square, 997 - 5 * std::sqrt(2 * 997.0));
  EXPECT_GT(counts[0] + counts[1] + counts[2] + counts[3], 0);  // special tokens included
}

TEST(Masking, ChoosesEveryPositionEquallyOften) {
  const Example example = example_of(40);
  constexpr std::uint64_t kSamples = 30000;
  std::vector<double> counts(40);
  for (std::uint64_t sample = 0; sample < kSamples; ++sample) {
    for (const std::int32_t position : mask_sample(example, rule_with(20), sample).positions) {
      ++counts[static_cast<std::size_t>(position)];
    }
  }
  for (std::size_t i = 0; i < counts.size(); ++i) {
    const bool is_special = i == 0 || i == 19 || i == 39;
    expect_share(counts[i], kSamples, is_special ? 0.0 : 6.0 / 37, "position");
  }
}

}  // namespace
}  // namespace lambert
