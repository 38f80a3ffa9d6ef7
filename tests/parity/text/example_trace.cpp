// SPDX-License-Identifier: Apache-2.0
// What the Python twin of the data step is compared with, as little-endian int32 on standard
// output.
//
//   example_trace sentences TOKENIZER cased|uncased TEXT
//     every document: sentence count, then per sentence its token count and ids
//   example_trace batches FOLDER SEED MAX_PREDICTIONS EPOCHS
//     every row as training sees it: next-sentence label, tokens of segment 0, token count, mask
//     count, input ids, masked positions, labels
#include <cstdint>
#include <cstdio>
#include <exception>
#include <iostream>
#include <stdexcept>
#include <string>
#include <vector>

#include "data/batch_stream.h"
#include "data/dataset.h"
#include "text/document_reader.h"
#include "text/sentence_splitter.h"
#include "text/tokenizer.h"

namespace lambert {
namespace {

void put(const std::vector<std::int32_t>& numbers) {
  if (std::fwrite(numbers.data(), sizeof(std::int32_t), numbers.size(), stdout) != numbers.size()) {
    throw std::runtime_error("writing numbers: the output takes no more; make room");
  }
}

void print_sentences(const std::string& tokenizer_path, bool cased, const std::string& text) {
  const auto tokenizer = load_tokenizer(tokenizer_path, cased);
  DocumentReader reader(text, CorpusOptions{});
  SentenceSplitter splitter;
  Document document;
  while (reader.next(document)) {
    std::vector<std::int32_t> numbers = {0};
    std::vector<std::int32_t> ids;
    for (const std::string& line : document.lines) {
      for (const std::string_view sentence : splitter.split(line)) {
        ids.clear();
        tokenizer->encode(sentence, ids);
        if (!ids.empty()) {
          ++numbers[0];
          numbers.push_back(static_cast<std::int32_t>(ids.size()));
          numbers.insert(numbers.end(), ids.begin(), ids.end());
        }
      }
    }
    put(numbers);
  }
}

/// One row of the only kind read here: B = 1.
void print_row(const Batch& batch) {
  const std::int32_t length = batch.lengths[0];
  std::int32_t first_segment_length = 0;
  while (first_segment_length < length &&
         batch.token_type_ids[static_cast<std::size_t>(first_segment_length)] == 0) {
    ++first_segment_length;
  }
  std::vector<std::int32_t> numbers = {batch.next_sentence_labels[0], first_segment_length, length,
                                       static_cast<std::int32_t>(batch.masked_labels.size())};
  numbers.insert(numbers.end(), batch.input_ids.begin(), batch.input_ids.end());
  numbers.insert(numbers.end(), batch.masked_positions.begin(), batch.masked_positions.end());
  numbers.insert(numbers.end(), batch.masked_labels.begin(), batch.masked_labels.end());
  put(numbers);
}

void print_batches(const std::string& folder, std::uint64_t seed, std::int64_t max_predictions,
                   std::int64_t epochs) {
  const DatasetInfo info = read_dataset_info(folder);
  PhaseConfig phase;
  phase.name = "trace";
  phase.data = folder;
  phase.max_seq_length = info.max_seq_length;
  phase.max_predictions_per_seq = max_predictions;
  phase.global_train_batch_size = 1;
  phase.per_device_train_batch_size = 1;
  phase.max_steps = epochs * info.example_count;
  BatchStream stream(phase, 0, seed, StepShape{1, 1, 1}, 0);
  for (std::int64_t step = 0; step < phase.max_steps; ++step) {
    print_row(stream.read_step(step).micro_batches.at(0));
  }
}

int run(const std::vector<std::string>& arguments) {
  if (arguments.size() == 4 && arguments[0] == "sentences") {
    print_sentences(arguments[1], arguments[2] == "cased", arguments[3]);
  } else if (arguments.size() == 5 && arguments[0] == "batches") {
    print_batches(arguments[1], std::stoull(arguments[2]), std::stoll(arguments[3]),
                  std::stoll(arguments[4]));
  } else {
    std::cerr << "usage: example_trace sentences TOKENIZER cased|uncased TEXT\n"
                 "       example_trace batches FOLDER SEED MAX_PREDICTIONS EPOCHS\n";
    return 2;
  }
  return 0;
}

}  // namespace
}  // namespace lambert

int main(int argc, char** argv) {
  try {
    return lambert::run({argv + 1, argv + argc});
  } catch (const std::exception& error) {
    std::cerr << "example_trace: " << error.what() << "\n";
    return 1;
  }
}
