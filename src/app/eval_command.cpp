// SPDX-License-Identifier: Apache-2.0
#include <cstdint>
#include <filesystem>
#include <iomanip>
#include <iostream>
#include <map>
#include <memory>
#include <string>

#include <nlohmann/json.hpp>

#include "app/commands.h"
#include "app/compute_device.h"
#include "base/error.h"
#include "base/log.h"
#include "checkpoint/checkpoint.h"
#include "checkpoint/hugging_face_config.h"
#include "checkpoint/manifest.h"
#include "checkpoint/safetensors.h"
#include "comm/make_communicator.h"
#include "config/load_run_config.h"
#include "data/dataset.h"
#include "model/bert_for_pretraining.h"
#include "train/held_out_loss.h"
#include "train/rank_agreement.h"
#include "train/threads.h"

namespace lambert {
namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t kLargestModelConfig = std::uint64_t{1} << 20;

/// The checkpoint that was asked for, or the newest valid one of the run. Throws CheckpointError.
fs::path choose_checkpoint(const EvalOptions& options, const RunConfig& config) {
  if (options.checkpoint.empty()) {
    const std::unique_ptr<FileSystem> file_system = make_posix_file_system();
    const fs::path newest = CheckpointStore(*file_system, config.output_dir).newest_valid();
    if (newest.empty()) {
      throw CheckpointError("evaluating " + config.output_dir +
                            ": no checkpoint there; train first, or give --checkpoint DIR");
    }
    return newest;
  }
  const std::string problem = verify_checkpoint(options.checkpoint, nullptr);
  if (!problem.empty()) {
    throw CheckpointError("evaluating " + options.checkpoint + ": " + problem +
                          "; choose another checkpoint");
  }
  return options.checkpoint;
}

/// Copies the checkpoint's weights into the model. Throws CheckpointError when they belong to
/// another one.
void load_weights(const fs::path& checkpoint, const DatasetInfo& dataset,
                  BertForPreTraining& model) {
  const ModelConfig saved =
      parse_hugging_face_config(read_file(checkpoint / kModelConfigFile, kLargestModelConfig));
  std::string differences = describe_model_differences(saved, model.config());
  const Manifest manifest = read_manifest(checkpoint);
  if (manifest.vocabulary_hash != dataset.vocabulary_hash || manifest.cased != dataset.cased) {
    differences += differences.empty() ? "" : "; ";
    differences += "another vocabulary or casing than the data's";
  }
  if (!differences.empty()) {
    throw CheckpointError("evaluating " + checkpoint.string() + ": " + differences +
                          "; use the config and data it was trained with");
  }
  const std::map<std::string, at::Tensor> tensors = read_safetensors(checkpoint / kModelFile);
  for (const ModelParameter& parameter : model.parameters()) {
    const auto found = tensors.find(parameter.name);
    if (found == tensors.end() || found->second.sizes() != parameter.master.sizes()) {
      throw CheckpointError("evaluating " + checkpoint.string() + ": " + parameter.name +
                            " is missing or has another shape; choose another checkpoint");
    }
    parameter.master.detach().copy_(found->second);
  }
  model.refresh_compute_weights();
}

void print_result(const fs::path& checkpoint, const EvaluationResult& result, bool as_json) {
  if (as_json) {
    nlohmann::ordered_json json = {{"checkpoint", checkpoint.string()}};
    for (const auto& [name, value] : result) {
      json[name] = value;
    }
    std::cout << json.dump(2) << "\n";
    return;
  }
  std::cout << "checkpoint         " << checkpoint.string() << "\n";
  for (const auto& [name, value] : result) {
    std::cout << std::left << std::setw(19) << name << value << "\n";
  }
}

}  // namespace

int run_eval(const EvalOptions& options) {
  RunConfig config = load_run_config(options.config, options.overrides);
  if (config.evaluation.data.empty()) {
    throw ConfigError(
        "evaluating: evaluation.data is not set; name a folder made by lambert prepare, for "
        "instance "
        "evaluation.data=data/validation");
  }
  const std::unique_ptr<Communicator> communicator = make_communicator(config.communication);
  start_logging({communicator->rank(), communicator->size()});
  const DatasetInfo dataset = read_dataset_info(config.evaluation.data);
  config.model.vocab_size = dataset.vocab_size;
  set_compute_threads(config.threads_per_rank, *communicator);
  const fs::path checkpoint = text_of_rank_zero(
      *communicator,
      communicator->rank() == 0 ? choose_checkpoint(options, config).string() : std::string());
  const at::Device device = choose_compute_device(config.device);
  BertForPreTraining model(config.model, config.precision, config.seed,
                           /*gradient_checkpointing=*/false, device);
  model.use(choose_kernels(kernel_request(config), config.model, device));
  load_weights(checkpoint, dataset, model);
  const EvaluationResult result = HeldOutLoss(config, *communicator, model).run();
  if (communicator->rank() == 0) {
    print_result(checkpoint, result, options.json);
  }
  return static_cast<int>(ExitCode::finished);
}

}  // namespace lambert
