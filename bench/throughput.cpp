// SPDX-License-Identifier: Apache-2.0
// Forward and backward speed of the model on random full-length sequences, without optimizer.
// usage: throughput tiny|mini|base|large fp32|bf16 [BATCH] [SECONDS]   (threads: OMP_NUM_THREADS)
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <map>

#include <ATen/ATen.h>

#include "base/clock.h"
#include "kernels/parallel.h"
#include "model/bert_for_pretraining.h"

namespace lambert {
namespace {

constexpr std::int64_t kLength = 128;
constexpr std::int64_t kMasked = 20;

ModelConfig config_of(const std::string& size) {
  const std::map<std::string, std::array<std::int64_t, 4>> shapes = {
      {"tiny", {2, 128, 2, 512}},
      {"mini", {4, 256, 4, 1024}},
      {"base", {12, 768, 12, 3072}},
      {"large", {24, 1024, 16, 4096}}};
  const auto& shape = shapes.at(size);
  ModelConfig config;
  config.vocab_size = 30522;
  config.num_hidden_layers = shape[0];
  config.hidden_size = shape[1];
  config.num_attention_heads = shape[2];
  config.intermediate_size = shape[3];
  config.hidden_act = Activation::gelu_new;
  return config;
}

ModelInputs random_inputs(std::int64_t batch, std::int64_t vocab_size) {
  const auto integers = at::TensorOptions().dtype(at::kInt);
  const auto longs = at::TensorOptions().dtype(at::kLong);
  ModelInputs inputs;
  inputs.input_ids = at::randint(vocab_size, {batch, kLength}, integers);
  inputs.token_type_ids = at::zeros({batch, kLength}, integers);
  inputs.lengths = at::full({batch}, kLength, integers);
  inputs.masked_positions = (at::arange(batch, longs).unsqueeze(1) * kLength +
                             at::arange(kMasked, longs).unsqueeze(0) * 6 + 1)
                                .flatten();
  inputs.masked_labels = at::randint(vocab_size, {batch * kMasked}, longs);
  inputs.next_sentence_labels = at::randint(2, {batch}, longs);
  inputs.sample_numbers = at::arange(batch, longs);
  return inputs;
}

void run(const std::string& size, Precision precision, std::int64_t batch, double budget) {
  BertForPreTraining model(config_of(size), precision, 1);
  for (const ModelParameter& parameter : model.parameters()) {
    parameter.master.mutable_grad() = at::zeros(parameter.master.sizes());
  }
  const ModelInputs inputs = random_inputs(batch, model.config().vocab_size);
  const auto step = [&] {
    const PretrainingLoss loss = model.forward(inputs);
    (loss.mlm_sum / loss.masked_tokens + loss.nsp_sum / loss.sequences).backward();
  };
  step();
  step();
  std::vector<double> seconds;
  const Stopwatch total;
  while (total.seconds() < budget || seconds.size() < 3) {
    const Stopwatch watch;
    step();
    seconds.push_back(watch.seconds());
  }
  std::sort(seconds.begin(), seconds.end());
  const auto rate = [&](double time) { return static_cast<double>(batch * kLength) / time; };
  std::printf("%s %s batch=%lld threads=%d: %.0f tok/s (median of %zu, min %.0f max %.0f)\n",
              size.c_str(), precision == Precision::bf16 ? "bf16" : "fp32",
              static_cast<long long>(batch), thread_count(), rate(seconds[seconds.size() / 2]),
              seconds.size(), rate(seconds.back()), rate(seconds.front()));
}

}  // namespace
}  // namespace lambert

int main(int argc, char** argv) {
  const std::string size = argc > 1 ? argv[1] : "mini";
  const bool is_bf16 = argc > 2 && std::string(argv[2]) == "bf16";
  lambert::run(size, is_bf16 ? lambert::Precision::bf16 : lambert::Precision::fp32,
               argc > 3 ? std::atoll(argv[3]) : 8, argc > 4 ? std::atof(argv[4]) : 10.0);
  return 0;
}
