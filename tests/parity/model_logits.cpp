// SPDX-License-Identifier: Apache-2.0
// model_logits CONFIG CHECKPOINT OUTPUT: runs the checkpoint on the first held-out batch of the
// config and writes inputs and logits to one safetensors file.
// model_logits FOLDER INPUTS OUTPUT where FOLDER has a config.json: imports the folder, runs it on
// input_ids (T), token_type_ids (T) and lengths (B), int32, of INPUTS, and writes the hidden
// states.
#include <iostream>

#include <ATen/core/Tensor.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/zeros.h>

#include "base/error.h"
#include "base/file_system.h"
#include "checkpoint/model_import.h"
#include "checkpoint/safetensors.h"
#include "config/load_run_config.h"
#include "data/batch_stream.h"
#include "model/bert_for_pretraining.h"
#include "model/bert_for_question_answering.h"
#include "train/micro_batch_inputs.h"

namespace lambert {
namespace {

namespace fs = std::filesystem;

constexpr std::int64_t kSequences = 64;

void load_weights(const fs::path& checkpoint, BertForPreTraining& model) {
  const auto stored = read_safetensors(checkpoint / "model.safetensors");
  for (const ModelParameter& parameter : model.parameters()) {
    parameter.master.detach().copy_(stored.at(parameter.name));
  }
  model.refresh_compute_weights();
}

void run_checkpoint(const fs::path& config_file, const fs::path& checkpoint,
                    const fs::path& output) {
  RunConfig config = load_run_config(config_file, {});
  EvaluationStream batches(config.evaluation, config.seed);
  config.model.vocab_size = batches.dataset().vocab_size;
  BertForPreTraining model(config.model, Precision::fp32, config.seed);
  load_weights(checkpoint, model);
  const ModelInputs inputs = to_model_inputs(batches.read(0, kSequences), {});
  const PretrainingLogits logits = model.logits(inputs);
  const std::unique_ptr<FileSystem> disk = make_posix_file_system();
  write_safetensors(*disk, output,
                    {{"input_ids", inputs.input_ids},
                     {"token_type_ids", inputs.token_type_ids},
                     {"lengths", inputs.lengths},
                     {"masked_positions", inputs.masked_positions},
                     {"mlm_logits", logits.mlm},
                     {"nsp_logits", logits.nsp},
                     {"hidden_states", logits.hidden_states.back()}});
}

void import_weights(const fs::path& folder, const ModelImport& source,
                    const std::vector<ModelParameter>& parameters) {
  std::vector<NamedTensor> weights;
  for (const ModelParameter& parameter : parameters) {
    weights.push_back({parameter.name, parameter.master.detach()});
  }
  log_import(folder, source.copy_to(weights));
  refresh_compute_weights(parameters);
}

/// Last hidden states and, of a folder with a span head, start and end logits.
std::vector<NamedTensor> run_import(const fs::path& folder, const EncoderInputs& encoder_inputs) {
  const ModelImport source(folder);
  std::vector<at::Tensor> states;
  if (source.has("qa_outputs.weight")) {
    BertForQuestionAnswering model(source.config(), Precision::fp32, 0);
    import_weights(folder, source, model.parameters());
    QuestionAnsweringInputs inputs;
    static_cast<EncoderInputs&>(inputs) = encoder_inputs;
    const at::Tensor logits = model.logits(inputs, &states);
    return {{"hidden_states", states.back().contiguous()}, {"span_logits", logits.contiguous()}};
  }
  BertForPreTraining model(source.config(), Precision::fp32, 0);
  import_weights(folder, source, model.parameters());
  ModelInputs inputs;
  static_cast<EncoderInputs&>(inputs) = encoder_inputs;
  inputs.masked_positions = at::zeros({1}, at::kLong);
  inputs.masked_labels = at::zeros({1}, at::kLong);
  inputs.next_sentence_labels = at::zeros({inputs.lengths.size(0)}, at::kLong);
  const PretrainingLogits logits = model.logits(inputs);
  return {{"hidden_states", logits.hidden_states.back()},
          {"mlm_logits", logits.mlm},
          {"nsp_logits", logits.nsp}};
}

void run_folder(const fs::path& folder, const fs::path& inputs_file, const fs::path& output) {
  const auto stored = read_safetensors(inputs_file);
  EncoderInputs inputs;
  inputs.input_ids = stored.at("input_ids");
  inputs.token_type_ids = stored.at("token_type_ids");
  inputs.lengths = stored.at("lengths");
  inputs.sample_numbers = at::arange(inputs.lengths.size(0), at::kLong);
  write_safetensors(*make_posix_file_system(), output, run_import(folder, inputs));
}

}  // namespace
}  // namespace lambert

int main(int argument_count, char** arguments) {
  if (argument_count != 4) {
    std::cerr << "usage: model_logits CONFIG CHECKPOINT OUTPUT | FOLDER INPUTS OUTPUT\n";
    return 2;
  }
  try {
    const bool is_folder = std::filesystem::is_directory(arguments[1]);
    (is_folder ? lambert::run_folder : lambert::run_checkpoint)(arguments[1], arguments[2],
                                                                arguments[3]);
  } catch (const std::exception& error) {
    std::cerr << error.what() << "\n";
    return 1;
  }
  return 0;
}
