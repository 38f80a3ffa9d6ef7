// SPDX-License-Identifier: Apache-2.0
#include <filesystem>
#include <iostream>
#include <optional>

#include "app/commands.h"
#include "app/compute_device.h"
#include "app/run_directory.h"
#include "app/squad_model.h"
#include "base/error.h"
#include "base/log.h"
#include "base/stop_signal.h"
#include "checkpoint/model_import.h"
#include "comm/make_communicator.h"
#include "squad/predictor.h"
#include "train/threads.h"

namespace lambert {

namespace {

namespace fs = std::filesystem;

/// Throws DataError or ConfigError when the model cannot answer as the options ask.
void require_use(const SquadPredictOptions& options, const fs::path& folder,
                 const ModelImport& source) {
  if (!source.has("qa_outputs.weight")) {
    throw DataError("answering with " + folder.string() +
                    ": it has no question-answering head; fine-tune it with lambert squad train");
  }
  require_fitting_length(options.max_seq_length, source.config());
  if (options.max_query_length > options.max_seq_length - 8) {
    throw ConfigError("--max-query-length: leaves less than 5 tokens for the paragraph; lower it");
  }
}

}  // namespace

int run_squad_predict(const SquadPredictOptions& options) {
  install_stop_signal_handlers();
  const at::Device device = choose_compute_device(options.device);
  const std::unique_ptr<Communicator> communicator =
      make_communicator(CommConfig{}, comm_device_of(device));
  start_logging({communicator->rank(), communicator->size()});
  set_compute_threads(0, *communicator);
  const std::unique_ptr<FileSystem> file_system = make_posix_file_system();
  const fs::path folder = find_model_folder_on_all(*file_system, options.model, *communicator);
  const ModelImport source(folder);
  require_use(options, folder, source);
  const std::unique_ptr<Tokenizer> tokenizer = load_model_tokenizer(folder, options.cased);
  require_fitting_vocabulary(*tokenizer, source.config());
  const SquadData data = read_squad(options.data);
  const SquadVersion version = choose_version(options.version, data);
  require_version(data, version);
  BertForQuestionAnswering model(source.config(), Precision::fp32, 0,
                                 /*gradient_checkpointing=*/false, device);
  std::vector<NamedTensor> weights = bind_weights(model.parameters());
  log_import(folder, source.copy_to(weights));
  const SquadFeatures features = make_prediction_features(
      data, *tokenizer, {options.max_seq_length, options.doc_stride, options.max_query_length});
  const std::optional<std::vector<WindowLogits>> logits =
      predict_logits(*communicator, model, features.features, options.batch);
  if (!logits) {
    log_info("stopped on request: no answers were written");
    return static_cast<int>(ExitCode::stopped_on_request);
  }
  if (communicator->rank() == 0) {
    file_system->create_directory(options.output);
    write_answers(*file_system, options.output, data,
                  answer_questions(data, features, *logits, *tokenizer,
                                   {version, options.n_best_size, options.max_answer_length,
                                    options.null_score_difference_threshold}),
                  version);
    std::cout << (fs::path(options.output) / "predictions.json").string() << "\n";
  }
  return static_cast<int>(ExitCode::finished);
}

}  // namespace lambert
