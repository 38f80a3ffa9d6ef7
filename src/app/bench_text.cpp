// SPDX-License-Identifier: Apache-2.0
// What text preparation and the training loader reach here on one thread.
#include <filesystem>
#include <string_view>
#include <thread>

#include <unistd.h>

#include "app/bench_command.h"
#include "base/file_system.h"
#include "base/log.h"
#include "config/step_shape.h"
#include "data/batch_stream.h"
#include "data/dataset.h"
#include "text/corpus_preparation.h"
#include "text/tokenizer.h"

namespace lambert {
namespace {

constexpr std::uint64_t kMostText = std::uint64_t{256} << 20;

/// Calls work(line) for every line without its end.
template <typename Work>
void for_each_line(std::string_view text, const Work& work) {
  while (!text.empty()) {
    const std::size_t end = text.find('\n');
    work(text.substr(0, end));
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  }
}

}  // namespace

BenchResult bench_tokenize(const BenchOptions& options) {
  const std::unique_ptr<Tokenizer> tokenizer = load_tokenizer(options.tokenizer, options.cased);
  const std::string text = read_file(options.input, kMostText);
  std::size_t tokens = 0;
  std::vector<std::int32_t> ids;
  const CallTimes times = time_calls(options.seconds, [&] {
    tokens = 0;
    for_each_line(text, [&](std::string_view line) {
      ids.clear();
      tokenizer->encode(line, ids);
      tokens += ids.size();
    });
  });
  std::size_t lines = 0;
  const CallTimes splitting = time_calls(0.5, [&] {
    lines = 0;
    for_each_line(text, [&](std::string_view /*line*/) { ++lines; });
  });
  const auto megabytes = static_cast<double>(text.size()) / 1e6;
  return {{{"benchmark", "tokenize"}, {"tokenizer", tokenizer->type()}},
          {{"megabytes", megabytes},
           {"lines", static_cast<double>(lines)},
           {"tokens", static_cast<double>(tokens)},
           {"passes", static_cast<double>(times.calls)},
           {"megabytes_per_second", megabytes / times.median},
           {"megabytes_per_second_fastest", megabytes / times.smallest},
           {"megabytes_per_second_slowest", megabytes / times.largest},
           {"line_splitting_megabytes_per_second", megabytes / splitting.median}}};
}

BenchResult bench_prepare(const BenchOptions& options) {
  const std::unique_ptr<Tokenizer> tokenizer = load_tokenizer(options.tokenizer, options.cased);
  const auto megabytes = static_cast<double>(std::filesystem::file_size(options.input)) / 1e6;
  const std::filesystem::path output =
      std::filesystem::temp_directory_path() / ("lambert-bench-" + std::to_string(::getpid()));
  const std::unique_ptr<FileSystem> disk = make_posix_file_system();
  PreparationSettings settings;
  settings.inputs = {options.input};
  settings.output = output;
  settings.examples.max_seq_length = options.max_seq_length;
  settings.workers = std::max(1U, std::thread::hardware_concurrency());
  start_logging({.quiet = true});
  std::int64_t examples = 0;
  const CallTimes times = time_calls(options.seconds, [&] {
    std::filesystem::remove_all(output);
    prepare_corpus(settings, *tokenizer, *disk, {});
    examples = read_dataset_info(output).example_count;
  });
  std::filesystem::remove_all(output);
  const CallTimes reading = time_calls(0.5, [&] { read_file(options.input, kMostText); });
  return {{{"benchmark", "prepare"}, {"tokenizer", tokenizer->type()}},
          {{"megabytes", megabytes},
           {"examples", static_cast<double>(examples)},
           {"workers", static_cast<double>(settings.workers)},
           {"passes", static_cast<double>(times.calls)},
           {"megabytes_per_second", megabytes / times.median},
           {"megabytes_per_second_fastest", megabytes / times.smallest},
           {"megabytes_per_second_slowest", megabytes / times.largest},
           {"file_reading_megabytes_per_second", megabytes / reading.median}}};
}

BenchResult bench_loader(const BenchOptions& options) {
  PhaseConfig phase;
  phase.name = "bench";
  phase.data = options.input;
  phase.max_seq_length = options.max_seq_length;
  phase.max_predictions_per_seq = std::max<std::int64_t>(1, 20 * options.max_seq_length / 128);
  phase.global_train_batch_size = options.batch;
  phase.per_device_train_batch_size = options.batch;
  BatchStream stream(phase, 0, 1, derive_step_shape(phase, 1, Reduction::standard), 0);
  std::int64_t step = 0;
  std::int64_t tokens = 0;
  const Stopwatch watch;
  const CallTimes times = time_calls(options.seconds, [&] {
    const StepBatch batch = stream.read_step(step++);
    tokens += batch.counts().tokens;
  });
  const double seconds = watch.seconds();
  return {{{"benchmark", "loader"}},
          {{"batch", static_cast<double>(options.batch)},
           {"max_seq_length", static_cast<double>(options.max_seq_length)},
           {"batches", static_cast<double>(step)},
           {"milliseconds_per_batch", 1e3 * times.median},
           {"tokens_per_second", static_cast<double>(tokens) / seconds}}};
}

}  // namespace lambert
