// SPDX-License-Identifier: Apache-2.0
#include "train/rank_agreement.h"

#include <array>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <span>
#include <vector>

#include "base/error.h"
#include "base/hash.h"

namespace lambert {
namespace {

/// Hash of one row of a batch: everything that depends on the sample and its masks. first_masked:
/// index of the row's first masked token; moved on to the next row's.
std::uint64_t hash_of_row(const Batch& batch, std::int64_t row, std::size_t& first_masked) {
  std::vector<std::int64_t> numbers = {
      static_cast<std::int64_t>(batch.sample_numbers[static_cast<std::size_t>(row)]),
      batch.lengths[static_cast<std::size_t>(row)],
      batch.next_sentence_labels[static_cast<std::size_t>(row)]};
  const std::int64_t begin = row * batch.sequence_length;
  for (std::int64_t index = begin; index < begin + batch.sequence_length; ++index) {
    numbers.push_back(batch.input_ids[static_cast<std::size_t>(index)]);
    numbers.push_back(batch.token_type_ids[static_cast<std::size_t>(index)]);
  }
  while (first_masked < batch.masked_positions.size() &&
         batch.masked_positions[first_masked] < begin + batch.sequence_length) {
    numbers.push_back(batch.masked_positions[first_masked] - begin);
    numbers.push_back(batch.masked_labels[first_masked]);
    ++first_masked;
  }
  return hash64(std::as_bytes(std::span(numbers)));
}

}  // namespace

std::string text_of_rank_zero(Communicator& communicator, const std::string& text) {
  const std::string mine = communicator.rank() == 0 ? text : std::string();
  const std::vector<std::byte> bytes =
      communicator.all_gather(std::as_bytes(std::span(mine))).front();
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

void require_same_text(Communicator& communicator, const std::string& what,
                       const std::string& text) {
  const std::string hash = hash128_hex(std::as_bytes(std::span(text)));
  const std::vector<std::vector<std::byte>> all =
      communicator.all_gather(std::as_bytes(std::span(hash)));
  std::string differing;
  for (std::size_t rank = 1; rank < all.size(); ++rank) {
    if (all[rank] != all.front()) {
      differing +=
          " " + std::to_string(rank) + " (" + communicator.host_of(static_cast<int>(rank)) + ")";
    }
  }
  if (!differing.empty()) {
    throw ConfigError("comparing " + what + " of all ranks: different from rank 0's on rank" +
                      differing + "; start all ranks with the same file, overrides and program");
  }
}

std::string hash_of_samples(Communicator& communicator, const StepBatch& batch) {
  std::uint64_t sum = 0;  // a sum, because it does not depend on the order
  for (const Batch& micro_batch : batch.micro_batches) {
    std::size_t first_masked = 0;
    for (std::int64_t row = 0; row < micro_batch.batch_size; ++row) {
      sum += hash_of_row(micro_batch, row, first_masked);
    }
  }
  std::uint64_t total = 0;
  for (const std::vector<std::byte>& bytes :
       communicator.all_gather(std::as_bytes(std::span(&sum, 1)))) {
    std::uint64_t of_rank = 0;
    std::memcpy(&of_rank, bytes.data(), sizeof(of_rank));
    total += of_rank;
  }
  std::array<char, 20> text{};
  std::snprintf(text.data(), text.size(), "%016llx", static_cast<unsigned long long>(total));
  return text.data();
}

}  // namespace lambert
