// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <functional>
#include <numeric>

#include <ATen/Parallel.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/randint.h>

#include "app/bench_command.h"
#include "app/bench_model.h"
#include "app/bench_profile.h"
#include "app/compute_device.h"
#include "base/log.h"
#include "cluster/model_work.h"
#include "comm/communicator.h"
#include "gradients/gradient_buckets.h"
#include "gradients/gradient_reducer.h"
#include "model/bert_for_pretraining.h"
#include "ops/device.h"
#include "ops/tensor_memory.h"
#include "optim/optimizer.h"
#include "train/matmul_rate.h"
#include "train/micro_step.h"
#include "train/named_parameters.h"
#include "train/product_choice.h"

namespace lambert {
namespace {

/// Of every sequence; with mixed lengths spread evenly, so that the mean is half of the longest.
std::vector<std::int32_t> lengths_of(const BenchOptions& options) {
  std::vector<std::int32_t> lengths;
  for (std::int64_t row = 0; row < options.batch; ++row) {
    const std::int64_t length = options.max_seq_length;
    lengths.push_back(static_cast<std::int32_t>(
        options.mixed_lengths
            ? std::max<std::int64_t>(1, length * (2 * row + 1) / (2 * options.batch))
            : length));
  }
  return lengths;
}

/// The published 20 predictions of 128 tokens, 80 of 512.
std::int32_t masked_tokens_of(std::int32_t length) {
  return std::max(1, 20 * length / 128);
}

Batch random_batch(const BenchOptions& options, std::int64_t vocabulary) {
  Batch batch;
  batch.lengths = lengths_of(options);
  const std::int64_t tokens =
      std::accumulate(batch.lengths.begin(), batch.lengths.end(), std::int64_t{0});
  const at::Tensor ids = at::randint(vocabulary, {tokens}, at::TensorOptions().dtype(at::kInt));
  const auto* const id = ids.const_data_ptr<std::int32_t>();
  batch.input_ids.assign(id, id + tokens);
  batch.token_type_ids.assign(static_cast<std::size_t>(tokens), 0);
  std::int32_t begin = 0;
  for (const std::int32_t length : batch.lengths) {
    const std::int32_t masked = masked_tokens_of(length);
    for (std::int32_t i = 0; i < masked; ++i) {
      const std::int32_t position = begin + i * (length / masked);
      batch.masked_positions.push_back(position);
      batch.masked_labels.push_back(id[position]);
    }
    // As many of both: untrained weights give every sequence nearly the same logits.
    batch.next_sentence_labels.push_back(
        static_cast<std::int8_t>(batch.next_sentence_labels.size() % 2));
    batch.sample_numbers.push_back(batch.sample_numbers.size());
    begin += length;
  }
  return batch;
}

/// Milliseconds of a step by class, slowest first, and of the step itself.
void append_profile(const at::Device& device, const std::function<void()>& step,
                    BenchResult& result) {
  constexpr int kSteps = 3;
  const auto steps = [&] {
    for (int i = 0; i < kSteps; ++i) {
      step();
    }
  };
  auto classes = device.is_cpu() ? profile_classes(steps) : profile_kernels(steps);
  double all = 0.0;
  for (const auto& [name, seconds] : classes) {
    all += seconds;
  }
  result.figures.emplace_back("profiled_step_milliseconds", 1e3 / kSteps * all);
  std::sort(classes.begin(), classes.end(),
            [](const auto& left, const auto& right) { return left.second > right.second; });
  for (const auto& [name, seconds] : classes) {
    result.figures.emplace_back("milliseconds of " + name, 1e3 / kSteps * seconds);
  }
}

}  // namespace

BenchResult bench_train(const BenchOptions& options) {
  keep_tensor_memory();
  if (options.verbose) {
    show_debug_messages();
  }
  const RunConfig config = bench_config(options);
  const at::Device device = choose_compute_device(options.device);
  BertForPreTraining model(config.model, config.precision, 1, /*gradient_checkpointing=*/false,
                           device);
  model.use(choose_kernels(kernel_request(config), config.model, device));
  GradientBuckets buckets(named_parameters(model.parameters()), std::int64_t{25} << 20);
  const Batch batch = random_batch(options, config.model.vocab_size);
  const std::unique_ptr<Communicator> alone = make_single_communicator();
  const std::int64_t row_count = batch.counts().tokens;
  if (device.is_cpu()) {
    model.choose_products(choose_products(config, row_count, 1, *alone), row_count);
  }
  const BatchCounts counts = batch.counts();
  GradientReducer reducer(*alone, buckets, Reduction::standard);
  MicroStep micro_step(config, model, reducer);
  const LossWeights weights{1.0 / static_cast<double>(counts.masked_tokens),
                            1.0 / static_cast<double>(counts.sequences)};
  const std::unique_ptr<Optimizer> optimizer =
      options.optimizer ? make_optimizer(config.optimizer, buckets.parameters()) : nullptr;
  double loss = 0.0;  // ln 30522 + ln 2 = 11.0 with fresh weights
  const auto step = [&] {
    buckets.zero();
    const PretrainingLoss sums = micro_step.run(batch, {}, weights, /*is_last=*/true);
    const ReducedGradients gradients = reducer.finish();
    if (optimizer) {
      optimizer->step(gradients, 1.0, 1e-6);
    }
    loss = weights.mlm * sums.mlm_sum.item<double>() + weights.nsp * sums.nsp_sum.item<double>();
  };
  const CallTimes times = time_calls(options.seconds, step);
  const double matmul_rate = measure_matmul_rate(config, device, *alone);
  const auto tokens = static_cast<double>(counts.tokens);
  const double operations =
      model_operations(config.model, {static_cast<double>(counts.sequences), tokens,
                                      static_cast<double>(counts.token_pairs),
                                      static_cast<double>(counts.masked_tokens)});
  BenchResult result{{{"benchmark", "train"},
                      {"model", options.model},
                      {"dtype", options.dtype},
                      {"device", device.str()}},
                     {{"batch", static_cast<double>(options.batch)},
                      {"max_seq_length", static_cast<double>(options.max_seq_length)},
                      {"tokens", tokens},
                      {"threads", static_cast<double>(at::get_num_threads())},
                      {"steps", static_cast<double>(times.calls)},
                      {"loss", loss},
                      {"tokens_per_second", tokens / times.median},
                      {"tokens_per_second_slowest", tokens / times.largest},
                      {"tokens_per_second_fastest", tokens / times.smallest},
                      {"matmul_rate_gflops", matmul_rate / 1e9},
                      {"matmul_fraction", operations / times.median / matmul_rate},
                      {"peak_memory_bytes", peak_memory_bytes(device)}}};
  if (options.profile) {
    append_profile(device, step, result);
  }
  return result;
}

}  // namespace lambert
