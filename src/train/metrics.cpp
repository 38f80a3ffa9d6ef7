// SPDX-License-Identifier: Apache-2.0
#include "train/metrics.h"

#include <array>
#include <cmath>
#include <cstdio>

#include <nlohmann/json.hpp>

namespace lambert {
namespace {

using Json = nlohmann::ordered_json;

/// JSON has no NaN; a record must stay readable when a run diverges.
Json number(double value) {
  if (std::isnan(value)) {
    return "nan";
  }
  if (std::isinf(value)) {
    return value > 0.0 ? "inf" : "-inf";
  }
  return value;
}

template <typename... Values>
std::string format(const char* pattern, Values... values) {
  std::array<char, 128> text{};
  std::snprintf(text.data(), text.size(), pattern, values...);
  return text.data();
}

std::string short_count(double value) {
  if (value >= 1e6) {
    return format("%.1fM", value / 1e6);
  }
  return value >= 1e4 ? format("%.1fk", value / 1e3) : format("%.1f", value);
}

Json position(const TrainState& state, const std::string& phase) {
  Json record;
  record["global_step"] = state.global_step;
  record["phase"] = phase;
  record["step_in_phase"] = state.step_in_phase;
  return record;
}

}  // namespace

std::string step_record(const StepMetrics& metrics) {
  Json record = position(metrics.state, metrics.phase);
  record["loss"] = number(metrics.loss);
  record["mlm_loss"] = number(metrics.mlm_loss);
  record["nsp_loss"] = number(metrics.nsp_loss);
  record["mlm_accuracy"] = number(metrics.mlm_accuracy);
  record["nsp_accuracy"] = number(metrics.nsp_accuracy);
  record["learning_rate"] = number(metrics.learning_rate);
  record["gradient_norm"] = number(metrics.gradient_norm);
  record["loss_scale"] = number(metrics.loss_scale);
  record["overflow_retries"] = metrics.overflow_retries;
  record["skipped_steps"] = metrics.state.skipped_steps;
  record["samples_seen"] = metrics.state.samples_seen;
  if (metrics.gradient_noise) {
    record["gradient_noise_scale"] = number(metrics.gradient_noise->scale);
    record["gradient_covariance_trace"] = number(metrics.gradient_noise->covariance_trace);
    record["squared_gradient"] = number(metrics.gradient_noise->squared_gradient);
  }
  if (metrics.hashes) {
    record["sample_hash"] = metrics.hashes->samples;
    record["mask_hash"] = metrics.hashes->masks;
    record["dropout_hash"] = metrics.hashes->dropout;
  }
  record["sequences_per_second"] = number(metrics.sequences_per_second);
  record["tokens_per_second"] = number(metrics.tokens_per_second);
  record["step_seconds"] = number(metrics.step_seconds);
  record["data_wait_seconds"] = number(metrics.data_wait_seconds);
  record["exposed_reduce_seconds"] = number(metrics.exposed_reduce_seconds);
  record["checkpoint_seconds"] = number(metrics.checkpoint_seconds);
  record["device_memory_gib"] = number(metrics.device_memory_gib);
  return record.dump();
}

std::string evaluation_record(const TrainState& state, const std::string& phase,
                              const EvaluationResult& result) {
  Json record = position(state, phase);
  for (const auto& [name, value] : result) {
    record[name] = number(value);
  }
  return record.dump();
}

std::string lamb_table_record(const TrainState& state, const std::string& phase,
                              const LambTableRecord& record) {
  Json json = position(state, phase);
  json["steps"] = record.steps;
  json["tensors"] = Json::array();
  for (const LambTableRow& row : record.rows) {
    json["tensors"].push_back({{"name", row.name},
                               {"weight_norm", number(row.last.weight_norm)},
                               {"update_norm", number(row.last.update_norm)},
                               {"trust_ratio", number(row.last.trust_ratio)},
                               {"adapted", row.last.is_adapted},
                               {"clamp_hits", row.clamp_hits}});
  }
  return json.dump();
}

std::string short_duration(double seconds) {
  if (!std::isfinite(seconds) || seconds < 0.0 || seconds > 1e9) {
    return "?";
  }
  const auto whole = static_cast<long>(std::lround(seconds));
  if (whole >= 3600) {
    return format("%ldh%02ldm", whole / 3600, whole / 60 % 60);
  }
  return whole >= 60 ? format("%ldm%02lds", whole / 60, whole % 60) : format("%lds", whole);
}

std::string console_line(const StepMetrics& metrics, const ConsoleFigures& figures) {
  const double done = figures.max_steps > 0
                          ? 100.0 * static_cast<double>(metrics.state.step_in_phase) /
                                static_cast<double>(figures.max_steps)
                          : 100.0;
  std::string line =
      format("step %lld/%lld (%.1f%%) phase ", static_cast<long long>(metrics.state.step_in_phase),
             static_cast<long long>(figures.max_steps), done);
  line += metrics.phase;
  line += format(" loss %.3f mlm %.3f nsp %.3f lr %.2e gnorm %.2f", metrics.loss, metrics.mlm_loss,
                 metrics.nsp_loss, metrics.learning_rate, metrics.gradient_norm);
  line += " | " + short_count(figures.sequences_per_second) + " seq/s";
  if (figures.matmul_share > 0.0) {
    line += format(" %.0f%% matmul", 100.0 * figures.matmul_share);
  }
  line += format(" | data-wait %.1f%% exposed-reduce %.1f%%", 100.0 * figures.data_wait_share,
                 100.0 * figures.exposed_reduce_share);
  return line + " | eta " + short_duration(figures.remaining_seconds);
}

}  // namespace lambert
