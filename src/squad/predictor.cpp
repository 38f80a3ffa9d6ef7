// SPDX-License-Identifier: Apache-2.0
#include "squad/predictor.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <iterator>
#include <span>

#include <ATen/core/Tensor.h>
#include <nlohmann/json.hpp>

#include "base/clock.h"
#include "base/error.h"
#include "base/log.h"
#include "base/stop_signal.h"
#include "squad/fine_tuner.h"

namespace lambert {
namespace {

using nlohmann::ordered_json;

/// Start logits, then end logits, of one window after the other.
void append_logits(const at::Tensor& logits, const std::vector<const SquadFeature*>& windows,
                   std::vector<float>& values) {
  const at::Tensor columns = logits.t().contiguous();  // (2, T)
  const auto* starts = columns.const_data_ptr<float>();
  const float* ends = starts + columns.size(1);
  std::size_t row = 0;
  for (const SquadFeature* window : windows) {
    const std::size_t length = window->input_ids.size();
    values.insert(values.end(), starts + row, starts + row + length);
    values.insert(values.end(), ends + row, ends + row + length);
    row += length;
  }
}

/// A batch of every rank, `batch` windows each; the last ranks may get fewer or none.
std::vector<WindowLogits> predict_batches(Communicator& communicator,
                                          BertForQuestionAnswering& model,
                                          std::span<const SquadFeature> features,
                                          std::size_t batch) {
  const auto ranks = static_cast<std::size_t>(communicator.size());
  const std::size_t first = static_cast<std::size_t>(communicator.rank()) * batch;
  std::vector<const SquadFeature*> windows;
  std::vector<std::uint64_t> numbers;
  for (std::size_t index = first; index < std::min(first + batch, features.size()); ++index) {
    windows.push_back(&features[index]);
    numbers.push_back(index);
  }
  std::vector<float> mine;
  if (!windows.empty()) {
    append_logits(model.logits(make_question_answering_inputs(windows, numbers, {}, false)),
                  windows, mine);
  }
  const std::vector<std::vector<std::byte>> gathered =
      communicator.all_gather(std::as_bytes(std::span(mine)));
  std::vector<std::size_t> read(ranks, 0);  // bytes taken of each rank's
  std::vector<WindowLogits> result(features.size());
  for (std::size_t index = 0; index < features.size(); ++index) {
    const std::size_t owner = index / batch;
    const std::size_t length = features[index].input_ids.size();
    for (std::vector<float>* logits : {&result[index].start, &result[index].end}) {
      logits->resize(length);
      std::memcpy(logits->data(), gathered[owner].data() + read[owner], length * sizeof(float));
      read[owner] += length * sizeof(float);
    }
  }
  return result;
}

bool ranks_were_asked_to_stop(Communicator& communicator) {
  const bool is_asked = pending_stop_request() == StopRequest::save_and_stop;
  std::array<double, 1> stops = {is_asked ? 1.0 : 0.0};
  communicator.all_reduce_max(stops);
  return stops[0] > 0.0;
}

}  // namespace

std::optional<std::vector<WindowLogits>> predict_logits(Communicator& communicator,
                                                        BertForQuestionAnswering& model,
                                                        std::span<const SquadFeature> features,
                                                        std::int64_t batch_size) {
  constexpr double kSecondsBetweenMessages = 60.0;
  const auto batch = static_cast<std::size_t>(batch_size);
  const std::size_t at_once = batch * static_cast<std::size_t>(communicator.size());
  std::vector<WindowLogits> result;
  log_info("answering windows=" + std::to_string(features.size()));
  Stopwatch since_message;
  while (result.size() < features.size()) {
    if (ranks_were_asked_to_stop(communicator)) {
      return std::nullopt;
    }
    if (since_message.seconds() > kSecondsBetweenMessages) {
      since_message = {};
      log_info("answered windows=" + std::to_string(result.size()) + "/" +
               std::to_string(features.size()));
    }
    const std::size_t count = std::min(at_once, features.size() - result.size());
    std::vector<WindowLogits> logits =
        predict_batches(communicator, model, features.subspan(result.size(), count), batch);
    std::ranges::move(logits, std::back_inserter(result));
  }
  return result;
}

std::vector<QuestionAnswer> answer_questions(const SquadData& data, const SquadFeatures& features,
                                             const std::vector<WindowLogits>& logits,
                                             const Tokenizer& tokenizer,
                                             const ExtractionOptions& options) {
  std::vector<QuestionAnswer> answers;
  std::size_t next = 0;
  for (std::size_t question = 0; question < data.questions.size(); ++question) {
    std::vector<const SquadFeature*> windows;
    std::vector<const WindowLogits*> of_windows;
    while (next < features.features.size() && features.features[next].question == question) {
      windows.push_back(&features.features[next]);
      of_windows.push_back(&logits[next]);
      ++next;
    }
    LAMBERT_CHECK(!windows.empty(), "a question has no window");
    answers.push_back(extract_answer(windows, of_windows,
                                     features.contexts[data.questions[question].context], tokenizer,
                                     options));
  }
  return answers;
}

Predictions to_predictions(const SquadData& data, const std::vector<QuestionAnswer>& answers) {
  Predictions predictions;
  for (std::size_t index = 0; index < answers.size(); ++index) {
    predictions[data.questions[index].id] = answers[index].text;
  }
  return predictions;
}

void write_answers(FileSystem& file_system, const std::filesystem::path& folder,
                   const SquadData& data, const std::vector<QuestionAnswer>& answers,
                   SquadVersion version) {
  ordered_json predictions = ordered_json::object();
  ordered_json n_best = ordered_json::object();
  ordered_json null_odds = ordered_json::object();
  for (std::size_t index = 0; index < answers.size(); ++index) {
    const std::string& id = data.questions[index].id;
    predictions[id] = answers[index].text;
    null_odds[id] = answers[index].null_odds;
    ordered_json& list = n_best[id] = ordered_json::array();
    for (const RankedAnswer& answer : answers[index].n_best) {
      list.push_back({{"text", answer.text},
                      {"probability", answer.probability},
                      {"start_logit", answer.start_logit},
                      {"end_logit", answer.end_logit}});
    }
  }
  file_system.write_file_atomically(folder / "predictions.json", predictions.dump(4) + "\n");
  file_system.write_file_atomically(folder / "nbest_predictions.json", n_best.dump(4) + "\n");
  if (version == SquadVersion::v2_0) {
    file_system.write_file_atomically(folder / "null_odds.json", null_odds.dump(4) + "\n");
  }
}

}  // namespace lambert
