// SPDX-License-Identifier: Apache-2.0
#include "train/step_hashes.h"

#include <array>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <span>
#include <vector>

#include "base/hash.h"
#include "kernels/dropout_stream.h"
#include "model/model_inputs.h"

namespace lambert {
namespace {

constexpr std::int64_t kHashedMultipliers = 128;

/// Sums of the rows' hashes, because a sum does not depend on the order.
struct Sums {
  std::uint64_t samples = 0;
  std::uint64_t masks = 0;
  std::uint64_t dropout = 0;
};

std::uint64_t hash_of(const std::vector<std::int64_t>& numbers) {
  return hash64(std::as_bytes(std::span(numbers)));
}

/// The part of a micro-batch that is one sequence's.
struct SequenceRange {
  std::size_t row = 0;           // of (B)
  std::size_t begin = 0;         // of (T)
  std::size_t end = 0;           // of (T)
  std::size_t first_masked = 0;  // of (N)
};

SequenceRange next_sequence(const Batch& batch, const SequenceRange& last) {
  SequenceRange next = last;
  next.begin = last.end;
  next.end = next.begin + static_cast<std::size_t>(batch.lengths[next.row]);
  while (next.first_masked < batch.masked_positions.size() &&
         static_cast<std::size_t>(batch.masked_positions[next.first_masked]) < next.begin) {
    ++next.first_masked;
  }
  return next;
}

std::uint64_t hash_of_sample(const Batch& batch, const SequenceRange& sequence) {
  std::vector<std::int64_t> numbers = {
      static_cast<std::int64_t>(batch.sample_numbers[sequence.row]), batch.lengths[sequence.row],
      batch.next_sentence_labels[sequence.row]};
  const std::span segments =
      std::span(batch.token_type_ids).subspan(sequence.begin, sequence.end - sequence.begin);
  numbers.insert(numbers.end(), segments.begin(), segments.end());
  return hash_of(numbers);
}

std::uint64_t hash_of_masks(const Batch& batch, const SequenceRange& sequence) {
  std::vector<std::int64_t> numbers = {
      static_cast<std::int64_t>(batch.sample_numbers[sequence.row])};
  const std::span ids =
      std::span(batch.input_ids).subspan(sequence.begin, sequence.end - sequence.begin);
  numbers.insert(numbers.end(), ids.begin(), ids.end());
  for (std::size_t i = sequence.first_masked;
       i < batch.masked_positions.size() &&
       static_cast<std::size_t>(batch.masked_positions[i]) < sequence.end;
       ++i) {
    numbers.push_back(batch.masked_positions[i] - static_cast<std::int64_t>(sequence.begin));
    numbers.push_back(batch.masked_labels[i]);
  }
  return hash_of(numbers);
}

/// Sites and rows as dropout_stream.h numbers them; row 0 of each.
std::uint64_t hash_of_dropout(const std::int64_t sample_number, const DropoutStream& stream,
                              const ModelConfig& model) {
  std::uint64_t sum = 0;
  std::array<float, kHashedMultipliers> multipliers{};
  const std::int64_t sites = 1 + 3 * model.num_hidden_layers;
  for (std::int64_t site = 0; site < sites; ++site) {
    const double probability =
        site % 3 == 1 ? model.attention_probs_dropout_prob : model.hidden_dropout_prob;
    const DropoutMask mask =
        make_dropout_mask(stream.seed, stream.phase, stream.step, static_cast<std::uint32_t>(site),
                          probability, &sample_number);
    dropout_multipliers(mask, 0, 0, kHashedMultipliers, multipliers.data());
    sum = hash_of({static_cast<std::int64_t>(sum), sample_number,
                   static_cast<std::int64_t>(hash64(std::as_bytes(std::span(multipliers))))});
  }
  return sum;
}

std::string text_of(std::uint64_t hash) {
  std::array<char, 20> text{};
  std::snprintf(text.data(), text.size(), "%016llx", static_cast<unsigned long long>(hash));
  return text.data();
}

}  // namespace

StepHashes hash_step(Communicator& communicator, const StepBatch& batch,
                     const DropoutStream& dropout, const ModelConfig& model) {
  Sums mine;
  for (const Batch& micro_batch : batch.micro_batches) {
    SequenceRange sequence;
    for (; sequence.row < micro_batch.lengths.size(); ++sequence.row) {
      sequence = next_sequence(micro_batch, sequence);
      mine.samples += hash_of_sample(micro_batch, sequence);
      mine.masks += hash_of_masks(micro_batch, sequence);
      const auto sample_number =
          static_cast<std::int64_t>(micro_batch.sample_numbers[sequence.row]);
      mine.dropout += hash_of_dropout(sample_number, dropout, model);
    }
  }
  Sums total;
  for (const std::vector<std::byte>& bytes :
       communicator.all_gather(std::as_bytes(std::span(&mine, 1)))) {
    Sums of_rank;
    std::memcpy(&of_rank, bytes.data(), sizeof(of_rank));
    total.samples += of_rank.samples;
    total.masks += of_rank.masks;
    total.dropout += of_rank.dropout;
  }
  return {text_of(total.samples), text_of(total.masks), text_of(total.dropout)};
}

}  // namespace lambert
