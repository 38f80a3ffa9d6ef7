// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <thread>

#include "app/commands.h"
#include "base/error.h"
#include "base/file_system.h"
#include "base/log.h"
#include "comm/make_communicator.h"
#include "text/corpus_preparation.h"
#include "text/tokenizer.h"

namespace lambert {
namespace {

constexpr std::int64_t kMaxSequenceLength = 65535;  // the shard format counts tokens in 16 bits
constexpr std::int64_t kMaxDuplicateFactor = 1000;
constexpr std::int64_t kMaxLineMegabytes = 512;
constexpr std::int64_t kMaxWorkers = 1024;
// A rank may wait for the others as long as their share of the corpus takes; a dead rank ends the
// job at once.
constexpr double kBarrierTimeoutSeconds = 30.0 * 24 * 3600;

void check_range(const char* option, std::int64_t value, std::int64_t lowest,
                 std::int64_t highest) {
  if (value < lowest || value > highest) {
    throw ConfigError("reading the command line of lambert prepare: " + std::string(option) +
                      " is " + std::to_string(value) + ", outside " + std::to_string(lowest) +
                      " to " + std::to_string(highest) + "; choose a value inside");
  }
}

void check_options(const PrepareOptions& options) {
  check_range("--max-seq-length", options.max_seq_length, kShortestSequence, kMaxSequenceLength);
  check_range("--duplicate-factor", options.duplicate_factor, 1, kMaxDuplicateFactor);
  check_range("--max-line-megabytes", options.max_line_megabytes, 1, kMaxLineMegabytes);
  check_range("--workers", options.workers, 0, kMaxWorkers);
  if (!(options.short_sequence_probability >= 0.0 && options.short_sequence_probability <= 1.0)) {
    throw ConfigError(
        "reading the command line of lambert prepare: --short-sequence-probability is no share; "
        "choose 0 to 1");
  }
}

std::int64_t default_workers(const Communicator& communicator) {
  const auto cores = static_cast<std::int64_t>(std::thread::hardware_concurrency());
  return std::max<std::int64_t>(1, cores / communicator.local_size());
}

}  // namespace

int run_prepare(const PrepareOptions& options) {
  check_options(options);
  CommConfig comm_config;
  comm_config.timeout_seconds = kBarrierTimeoutSeconds;
  const std::unique_ptr<Communicator> communicator = make_communicator(comm_config);
  start_logging({.rank = communicator->rank(), .rank_count = communicator->size()});

  PreparationSettings settings;
  settings.inputs = options.text;
  settings.output = options.output;
  settings.examples = {.max_seq_length = options.max_seq_length,
                       .short_sequence_probability = options.short_sequence_probability,
                       .seed = options.seed};
  settings.duplicate_factor = options.duplicate_factor;
  settings.corpus.skip_bad_text = options.on_bad_text == "skip";
  settings.corpus.max_line_bytes = options.max_line_megabytes << 20;
  settings.workers = options.workers == 0 ? default_workers(*communicator) : options.workers;

  const std::unique_ptr<Tokenizer> tokenizer = load_tokenizer(options.tokenizer, options.cased);
  const std::unique_ptr<FileSystem> file_system = make_posix_file_system();
  const PreparationRank rank = {communicator->rank(), communicator->size(),
                                [&communicator] { communicator->barrier(); }};
  prepare_corpus(settings, *tokenizer, *file_system, rank);
  return 0;
}

}  // namespace lambert
