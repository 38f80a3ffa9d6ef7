// SPDX-License-Identifier: Apache-2.0
#include "data/dataset_statistics.h"

#include <algorithm>

namespace lambert {
namespace {

double share(std::int64_t part, std::int64_t whole) {
  return whole == 0 ? 0.0 : static_cast<double>(part) / static_cast<double>(whole);
}

}  // namespace

double DatasetStatistics::padding_share() const {
  const auto max_seq_length = static_cast<std::int64_t>(examples_by_length.size()) - 1;
  return share(examples * max_seq_length - tokens, examples * max_seq_length);
}

double DatasetStatistics::unknown_share() const {
  return share(unknown_tokens, tokens);
}

double DatasetStatistics::random_next_share() const {
  return share(random_next, examples);
}

DatasetStatistics measure_dataset(PreparedDataset& dataset) {
  const DatasetInfo& info = dataset.info();
  DatasetStatistics statistics;
  statistics.examples = info.example_count;
  statistics.examples_by_length.resize(static_cast<std::size_t>(info.max_seq_length) + 1);
  for (std::int64_t i = 0; i < info.example_count; ++i) {
    const Example example = dataset.read(i);
    const std::vector<std::int32_t>& ids = example.token_ids;
    statistics.tokens += static_cast<std::int64_t>(ids.size());
    statistics.unknown_tokens += std::count(ids.begin(), ids.end(), info.special_tokens.unknown);
    statistics.random_next += example.is_random_next ? 1 : 0;
    ++statistics.examples_by_length[ids.size()];
  }
  return statistics;
}

}  // namespace lambert
