// SPDX-License-Identifier: Apache-2.0
// model_parity FOLDER fp32|bf16|fp16: one step of the network for model_parity.py and
// dropout_parity.py; in fp16 with a loss scale.
// Reads config.json (Hugging Face's) and input.safetensors (weights by name, inputs), writes
// output.safetensors: loss, gradient.<name>, hidden.<number>, and with dropout the multipliers of
// every site, dropout.<site>.
#include <cstdio>
#include <map>

#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/empty.h>

#include "checkpoint/hugging_face_config.h"
#include "checkpoint/safetensors.h"
#include "config/enum_names.h"
#include "kernels/dropout_stream.h"
#include "model/bert_for_pretraining.h"

namespace lambert {
namespace {

namespace fs = std::filesystem;
using Tensors = std::map<std::string, at::Tensor>;

constexpr DropoutStream kStream{42, 1, 7};

ModelInputs inputs_of(const Tensors& stored) {
  ModelInputs inputs;
  inputs.input_ids = stored.at("input_ids");
  inputs.token_type_ids = stored.at("token_type_ids");
  inputs.lengths = stored.at("lengths");
  inputs.masked_positions = stored.at("masked_positions");
  inputs.masked_labels = stored.at("masked_labels");
  inputs.next_sentence_labels = stored.at("next_sentence_labels");
  inputs.sample_numbers = stored.at("sample_numbers");
  inputs.dropout = kStream;
  return inputs;
}

/// (B, groups, S, columns): the multipliers of a site; a hidden tensor has one group, attention has
/// its heads. step_offset names the masks of another step.
at::Tensor multipliers_of(const ModelInputs& inputs, std::int64_t site, double probability,
                          std::int64_t groups, std::int64_t columns, std::int64_t step_offset) {
  const std::int64_t batch = inputs.lengths.size(0);
  const auto length = inputs.lengths.max().item<std::int64_t>();
  const DropoutMask mask = make_dropout_mask(
      kStream.seed, kStream.phase, kStream.step + step_offset, static_cast<std::uint32_t>(site),
      probability, inputs.sample_numbers.const_data_ptr<std::int64_t>());
  at::Tensor result = at::empty({batch, groups, length, columns});
  auto* next = result.mutable_data_ptr<float>();
  for (std::int64_t sample = 0; sample < batch; ++sample) {
    for (std::int64_t group = 0; group < groups; ++group) {
      for (std::int64_t row = 0; row < length; ++row, next += columns) {
        dropout_multipliers(mask, sample, static_cast<std::uint32_t>(group * 65536 + row), columns,
                            next);
      }
    }
  }
  return result;
}

void add_multipliers(const ModelConfig& config, const ModelInputs& inputs,
                     std::vector<NamedTensor>& output) {
  for (const std::int64_t step_offset : {0, 1}) {
    const std::string prefix = step_offset == 0 ? "dropout." : "dropout_of_next_step.";
    for (std::int64_t site = 0; site < 1 + 3 * config.num_hidden_layers; ++site) {
      const bool is_attention = site % 3 == 1;
      output.push_back(
          {prefix + std::to_string(site),
           multipliers_of(
               inputs, site,
               is_attention ? config.attention_probs_dropout_prob : config.hidden_dropout_prob,
               is_attention ? config.num_attention_heads : 1,
               is_attention ? inputs.lengths.max().item<std::int64_t>() : config.hidden_size,
               step_offset)});
    }
  }
}

void run(const fs::path& folder, Precision precision) {
  const ModelConfig config = parse_hugging_face_config(read_file(folder / "config.json", 1 << 20));
  const Tensors stored = read_safetensors(folder / "input.safetensors");
  BertForPreTraining model(config, precision, 1);
  for (const ModelParameter& parameter : model.parameters()) {
    parameter.master.detach().copy_(stored.at(parameter.name));
  }
  model.refresh_compute_weights();
  const ModelInputs inputs = inputs_of(stored);
  const PretrainingLoss sums = model.forward(inputs);
  const at::Tensor loss = sums.mlm_sum / sums.masked_tokens + sums.nsp_sum / sums.sequences;
  const double scale = precision == Precision::fp16 ? 1024.0 : 1.0;
  (loss * scale).backward();
  std::vector<NamedTensor> output = {{"loss", loss.detach().reshape({1})}};
  for (const ModelParameter& parameter : model.parameters()) {
    output.push_back({"gradient." + parameter.name, parameter.master.grad().div(scale)});
  }
  const std::vector<at::Tensor> states = model.logits(inputs).hidden_states;
  for (std::size_t number = 0; number < states.size(); ++number) {
    output.push_back(
        {"hidden." + std::to_string(number), states[number].to(at::kFloat).contiguous()});
  }
  if (config.hidden_dropout_prob > 0.0) {
    add_multipliers(config, inputs, output);
  }
  write_safetensors(*make_posix_file_system(), folder / "output.safetensors", output);
}

}  // namespace
}  // namespace lambert

int main(int argument_count, char** arguments) {
  const auto precision =
      lambert::find_enum_value<lambert::Precision>(argument_count == 3 ? arguments[2] : "");
  if (!precision) {
    std::fprintf(stderr, "usage: model_parity FOLDER fp32|bf16|fp16\n");
    return 2;
  }
  try {
    lambert::run(arguments[1], *precision);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "model_parity: %s\n", error.what());
    return 1;
  }
  return 0;
}
