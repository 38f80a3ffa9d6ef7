// SPDX-License-Identifier: Apache-2.0
// A prepared folder of a few examples, made in milliseconds; link lambert_data.
#pragma once

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>

#include "base/counter_rng.h"
#include "base/file_system.h"
#include "base/hash.h"
#include "data/dataset.h"
#include "data/example.h"
#include "data/shard_writer.h"

namespace lambert {

/// [PAD] [UNK] [CLS] [SEP] [MASK] word5 word6 ...
inline std::string tiny_vocabulary(std::int64_t vocab_size) {
  std::string text = "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\n";
  for (std::int64_t id = 5; id < vocab_size; ++id) {
    text += "word" + std::to_string(id) + "\n";
  }
  return text;
}

/// Everything but counts and shards.
inline DatasetInfo tiny_dataset_info(std::int64_t max_seq_length, std::int64_t vocab_size) {
  const std::string vocabulary = tiny_vocabulary(vocab_size);
  DatasetInfo info;
  info.tokenizer_type = "wordpiece";
  info.tokenizer_file = "vocab.txt";
  info.vocabulary_hash = hash128_hex(std::as_bytes(std::span(vocabulary)));
  info.vocab_size = vocab_size;
  info.max_seq_length = max_seq_length;
  info.special_tokens = {.pad = 0, .unknown = 1, .cls = 2, .sep = 3, .mask = 4};
  return info;
}

/// Something a small network can learn: the tokens of a segment count upwards from a random one,
/// and a real next segment goes on where the first one stopped. Half of the examples have the full
/// length.
inline Example tiny_example(std::int64_t number, const DatasetInfo& info, std::uint64_t seed) {
  CounterStream stream(philox_key(seed, RandomPurpose::example_building),
                       static_cast<std::uint64_t>(number), 0);
  const auto words = static_cast<std::uint32_t>(info.vocab_size - 5);
  const auto longest = static_cast<std::uint32_t>(info.max_seq_length);
  const bool is_full = stream.below(2) == 0;
  const std::uint32_t length = is_full || longest < 6 ? longest : 5 + stream.below(longest - 4);
  const std::uint32_t first_words = 1 + stream.below(length - 4);
  Example example;
  example.is_random_next = stream.below(2) == 1;
  std::uint32_t word = stream.below(words);
  const auto append_words = [&](std::uint32_t count) {
    for (std::uint32_t i = 0; i < count; ++i) {
      example.token_ids.push_back(static_cast<std::int32_t>(5 + word++ % words));
    }
    example.token_ids.push_back(info.special_tokens.sep);
  };
  example.token_ids.push_back(info.special_tokens.cls);
  append_words(first_words);
  example.first_segment_length = static_cast<std::int32_t>(example.token_ids.size());
  if (example.is_random_next) {
    word = stream.below(words);
  }
  append_words(length - 3 - first_words);
  return example;
}

/// Builds the folder (two shards when there are two examples or more) and returns it.
/// max_seq_length >= 5, vocab_size >= 6. Equal arguments give equal bytes.
inline std::filesystem::path make_tiny_dataset(const std::filesystem::path& folder,
                                               std::int64_t examples, std::int64_t max_seq_length,
                                               std::int64_t vocab_size = 64,
                                               std::uint64_t seed = 1) {
  const std::unique_ptr<FileSystem> disk = make_posix_file_system();
  disk->create_directory(folder);
  DatasetInfo info = tiny_dataset_info(max_seq_length, vocab_size);
  info.document_count = 1;
  info.sentence_count = 2 * examples;
  info.example_count = examples;
  disk->write_file_atomically(folder / info.tokenizer_file, tiny_vocabulary(vocab_size));
  const std::int64_t first_half = (examples + 1) / 2;
  for (std::int64_t begin = 0; begin < examples; begin += first_half) {
    const std::string name = "shard-0000" + std::to_string(info.shards.size()) + ".bin";
    ShardWriter writer(*disk, folder / name, info);
    for (std::int64_t i = begin; i < std::min(examples, begin + first_half); ++i) {
      writer.append(tiny_example(i, info, seed));
    }
    info.shards.push_back(writer.finish());
  }
  disk->write_file_atomically(folder / kDatasetIndexFile, write_dataset_info(info));
  return folder;
}

}  // namespace lambert
