// SPDX-License-Identifier: Apache-2.0
// model_logits CONFIG CHECKPOINT OUTPUT: runs the checkpoint on the first held-out batch of the
// config and writes inputs and logits to one safetensors file.
#include <iostream>

#include <ATen/ATen.h>

#include "base/error.h"
#include "base/file_system.h"
#include "checkpoint/safetensors.h"
#include "config/load_run_config.h"
#include "data/batch_stream.h"
#include "model/bert_for_pretraining.h"
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

void run(const fs::path& config_file, const fs::path& checkpoint, const fs::path& output) {
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

}  // namespace
}  // namespace lambert

int main(int argument_count, char** arguments) {
  if (argument_count != 4) {
    std::cerr << "usage: model_logits CONFIG CHECKPOINT OUTPUT\n";
    return 2;
  }
  try {
    lambert::run(arguments[1], arguments[2], arguments[3]);
  } catch (const std::exception& error) {
    std::cerr << error.what() << "\n";
    return 1;
  }
  return 0;
}
