// SPDX-License-Identifier: Apache-2.0
// What the network and the optimizer reach here, beside what the machine gives.
#include <cstring>
#include <map>

#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include "app/bench_command.h"
#include "base/process_memory.h"
#include "comm/communicator.h"
#include "gradients/gradient_reducer.h"
#include "kernels/matmul.h"
#include "model/bert_for_pretraining.h"
#include "optim/optimizer.h"
#include "train/matmul_rate.h"
#include "train/model_work.h"
#include "train/named_parameters.h"

namespace lambert {
namespace {

constexpr std::int64_t kVocabulary = 30522;

/// Layers, hidden size, heads, inner size of the published sizes (Turc et al. 2019, Devlin et al.
/// 2018).
ModelConfig model_of(const std::string& name) {
  const std::map<std::string, std::array<std::int64_t, 4>> shapes = {
      {"tiny", {2, 128, 2, 512}},
      {"mini", {4, 256, 4, 1024}},
      {"base", {12, 768, 12, 3072}},
      {"large", {24, 1024, 16, 4096}}};
  const std::array<std::int64_t, 4>& shape = shapes.at(name);
  ModelConfig model;
  model.vocab_size = kVocabulary;
  model.num_hidden_layers = shape[0];
  model.hidden_size = shape[1];
  model.num_attention_heads = shape[2];
  model.intermediate_size = shape[3];
  model.hidden_act = Activation::gelu_new;
  return model;
}

/// The bench's step as a configuration, for what measures by one.
RunConfig config_of(const BenchOptions& options) {
  RunConfig config;
  config.model = model_of(options.model);
  config.precision = options.dtype == "bf16" ? Precision::bf16 : Precision::fp32;
  PhaseConfig phase;
  phase.max_seq_length = options.max_seq_length;
  phase.per_device_train_batch_size = options.batch;
  config.phases.push_back(phase);
  return config;
}

std::int64_t masked_tokens_of(std::int64_t length) {
  return std::max<std::int64_t>(1, 20 * length / 128);  // the published 20 of 128, 80 of 512
}

ModelInputs random_inputs(std::int64_t batch, std::int64_t length) {
  const auto integers = at::TensorOptions().dtype(at::kInt);
  const auto longs = at::TensorOptions().dtype(at::kLong);
  const std::int64_t masked = masked_tokens_of(length);
  ModelInputs inputs;
  inputs.input_ids = at::randint(kVocabulary, {batch, length}, integers);
  inputs.token_type_ids = at::zeros({batch, length}, integers);
  inputs.lengths = at::full({batch}, length, integers);
  inputs.masked_positions = (at::arange(batch, longs).unsqueeze(1) * length +
                             at::arange(masked, longs).unsqueeze(0) * (length / masked) + 1)
                                .flatten();
  inputs.masked_labels = at::randint(kVocabulary, {batch * masked}, longs);
  inputs.next_sentence_labels = at::randint(2, {batch}, longs);
  inputs.sample_numbers = at::arange(batch, longs);
  return inputs;
}

/// Bytes per second, read and written counted, that all threads copy between arrays larger than any
/// cache.
double measure_copy_bandwidth() {
  constexpr std::int64_t kElements = std::int64_t{1} << 26;  // 256 MiB each
  const at::Tensor from = at::ones({kElements}, at::kFloat);
  const at::Tensor to = at::zeros({kElements}, at::kFloat);
  const CallTimes times = time_calls(1.0, [&] {
    const auto* source = from.const_data_ptr<float>();
    auto* target = to.mutable_data_ptr<float>();
    at::parallel_for(0, kElements, 1 << 20, [&](std::int64_t begin, std::int64_t end) {
      std::memcpy(target + begin, source + begin,
                  static_cast<std::size_t>(end - begin) * sizeof(float));
    });
  });
  return 8.0 * static_cast<double>(kElements) / times.smallest;
}

}  // namespace

BenchResult bench_train(const BenchOptions& options) {
  const RunConfig config = config_of(options);
  BertForPreTraining model(config.model, config.precision, 1);
  GradientBuckets buckets(named_parameters(model), std::int64_t{25} << 20);
  const ModelInputs inputs = random_inputs(options.batch, options.max_seq_length);
  double loss = 0.0;  // ln 30522 + ln 2 = 11.0 with fresh weights
  const CallTimes times = time_calls(options.seconds, [&] {
    buckets.zero();
    const PretrainingLoss sums = model.forward(inputs);
    const at::Tensor mean = sums.mlm_sum / static_cast<double>(sums.masked_tokens) +
                            sums.nsp_sum / static_cast<double>(sums.sequences);
    mean.backward();
    loss = mean.item<double>();
  });
  const std::unique_ptr<Communicator> alone = make_single_communicator();
  const double matmul_rate = measure_matmul_rate(config, *alone);
  const auto sequences = static_cast<double>(options.batch);
  const auto length = static_cast<double>(options.max_seq_length);
  const double operations =
      model_operations(config.model, sequences, length,
                       sequences * static_cast<double>(masked_tokens_of(options.max_seq_length)));
  const double tokens = sequences * length;
  return {{{"benchmark", "train"}, {"model", options.model}, {"dtype", options.dtype}},
          {{"batch", sequences},
           {"max_seq_length", length},
           {"threads", static_cast<double>(at::get_num_threads())},
           {"steps", static_cast<double>(times.calls)},
           {"loss", loss},
           {"tokens_per_second", tokens / times.median},
           {"tokens_per_second_slowest", tokens / times.largest},
           {"tokens_per_second_fastest", tokens / times.smallest},
           {"matmul_rate_gflops", matmul_rate / 1e9},
           {"matmul_fraction", operations / times.median / matmul_rate},
           {"peak_memory_bytes", largest_resident_bytes()}}};
}

BenchResult bench_matmul(const BenchOptions& options) {
  const ModelConfig model = model_of(options.model);
  const bool is_bf16 = options.dtype == "bf16";
  const std::int64_t rows = options.batch * options.max_seq_length;
  const at::TensorOptions type(is_bf16 ? at::kBFloat16 : at::kFloat);
  const ElementType element = is_bf16 ? ElementType::bfloat16 : ElementType::float32;
  BenchResult result{{{"benchmark", "matmul"}, {"model", options.model}, {"dtype", options.dtype}},
                     {{"rows", static_cast<double>(rows)},
                      {"threads", static_cast<double>(at::get_num_threads())}}};
  const std::vector<std::pair<std::string, std::array<std::int64_t, 2>>> layers = {
      {"attention", {model.hidden_size, model.hidden_size}},
      {"intermediate", {model.hidden_size, model.intermediate_size}},
      {"output", {model.intermediate_size, model.hidden_size}}};
  for (const auto& [name, sizes] : layers) {
    const auto [in, out] = sizes;
    const at::Tensor input = at::ones({rows, in}, type);
    const at::Tensor above = at::ones({rows, out}, type);
    const at::Tensor weight = at::ones({out, in}, type);
    const at::Tensor weight_gradient = at::empty({out, in}, at::kFloat);
    const Matrix inputs{input.const_data_ptr(), element, rows, in, in, 1};
    const Matrix gradients{above.const_data_ptr(), element, rows, out, out, 1};
    const Matrix weights{weight.const_data_ptr(), element, out, in, in, 1};
    const double operations =
        2.0 * static_cast<double>(rows) * static_cast<double>(in) * static_cast<double>(out);
    const auto rate = [&](const std::function<void()>& product) {
      return operations / time_calls(options.seconds / 9.0, product).median / 1e9;
    };
    result.figures.emplace_back(name + "_forward_gflops", rate([&] {
                                  matmul(inputs, weights.transposed(),
                                         {above.mutable_data_ptr(), element, rows, out, out, 1});
                                }));
    result.figures.emplace_back(
        name + "_input_gradient_gflops", rate([&] {
          matmul(gradients, weights, {input.mutable_data_ptr(), element, rows, in, in, 1});
        }));
    result.figures.emplace_back(
        name + "_weight_gradient_gflops", rate([&] {
          matmul(gradients.transposed(), inputs,
                 {weight_gradient.mutable_data_ptr(), ElementType::float32, out, in, in, 1});
        }));
  }
  return result;
}

BenchResult bench_lamb(const BenchOptions& options) {
  RunConfig config = config_of(options);
  BertForPreTraining model(config.model, config.precision, 1);
  const std::vector<NamedParameter> parameters = named_parameters(model);
  GradientBuckets buckets(parameters, std::int64_t{25} << 20);
  const std::unique_ptr<Communicator> alone = make_single_communicator();
  GradientReducer reducer(*alone, buckets, Reduction::standard);
  for (GradientBucket& bucket : buckets.buckets()) {
    bucket.flat.normal_(0.0, 1e-3);
  }
  const ReducedGradients gradients = reducer.finish();
  const std::unique_ptr<Optimizer> lamb = make_optimizer(config.optimizer, parameters);
  const CallTimes times = time_calls(options.seconds, [&] { lamb->step(gradients, 1.0, 1e-6); });
  const double bandwidth = measure_copy_bandwidth();
  const auto count = static_cast<double>(count_parameters(config.model));
  // The first pass reads w, g, m, v and writes m, v; the second reads w, m, v and writes w and in
  // bf16 its copy.
  const double bytes = config.precision == Precision::bf16 ? 42.0 : 40.0;
  return {{{"benchmark", "lamb"}, {"model", options.model}, {"dtype", options.dtype}},
          {{"parameters", count},
           {"threads", static_cast<double>(at::get_num_threads())},
           {"steps", static_cast<double>(times.calls)},
           {"milliseconds", 1e3 * times.median},
           {"milliseconds_fastest", 1e3 * times.smallest},
           {"milliseconds_slowest", 1e3 * times.largest},
           {"bytes_per_parameter", bytes},
           {"copy_bandwidth_gb_per_second", bandwidth / 1e9},
           {"bandwidth_fraction", bytes * count / times.median / bandwidth}}};
}

}  // namespace lambert
