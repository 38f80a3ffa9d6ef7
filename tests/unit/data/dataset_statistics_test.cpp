// SPDX-License-Identifier: Apache-2.0
#include "data/dataset_statistics.h"

#include <gtest/gtest.h>

#include "unit/data/shard_file.h"

namespace lambert {
namespace {

TEST(DatasetStatistics, CountsWhatIsThere) {
  const TempDirectory folder;
  const auto disk = make_posix_file_system();
  DatasetInfo info = tiny_dataset_info(10, 64);
  write_bytes(folder / "vocab.txt", tiny_vocabulary(64));
  ShardWriter writer(*disk, folder / "shard.bin", info);
  writer.append({.token_ids = {2, 5, 3, 1, 3}, .first_segment_length = 3, .is_random_next = true});
  writer.append({.token_ids = {2, 5, 3, 6, 6, 6, 6, 6, 1, 3}, .first_segment_length = 3});
  writer.append({.token_ids = {2, 5, 3, 7, 3}, .first_segment_length = 3});
  info.shards.push_back(writer.finish());
  info.example_count = 3;
  write_bytes(folder / "index.json", write_dataset_info(info));

  PreparedDataset dataset(folder.path());
  const DatasetStatistics statistics = measure_dataset(dataset);
  EXPECT_EQ(statistics.examples, 3);
  EXPECT_EQ(statistics.tokens, 20);
  EXPECT_DOUBLE_EQ(statistics.padding_share(), 10.0 / 30.0);
  EXPECT_DOUBLE_EQ(statistics.unknown_share(), 2.0 / 20.0);
  EXPECT_DOUBLE_EQ(statistics.random_next_share(), 1.0 / 3.0);
  EXPECT_EQ(statistics.examples_by_length,
            (std::vector<std::int64_t>{0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 1}));
}

}  // namespace
}  // namespace lambert
