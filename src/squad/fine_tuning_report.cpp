// SPDX-License-Identifier: Apache-2.0
#include "squad/fine_tuning_report.h"

#include <algorithm>
#include <array>
#include <cstdio>

#include "base/log.h"
#include "train/metrics.h"

namespace lambert {
namespace {

constexpr double kGibibyte = 1024.0 * 1024.0 * 1024.0;

}  // namespace

FineTuningReport::FineTuningReport(MetricsLog& metrics, const LoggingConfig& logging,
                                   std::uint64_t seed, std::int64_t steps)
    : metrics_(metrics),
      logging_steps_(std::max<std::int64_t>(logging.logging_steps, 1)),
      seed_(std::to_string(seed)),
      steps_(steps) {}

void FineTuningReport::step(const TrainState& state, const FineTuningFigures& figures) {
  metrics_.record_step(state, "seed-" + seed_,
                       {{"loss", figures.loss},
                        {"learning_rate", figures.learning_rate},
                        {"gradient_norm", figures.gradient_norm},
                        {"sequences_per_second", figures.windows / figures.seconds},
                        {"step_seconds", figures.seconds},
                        {"exposed_reduce_seconds", figures.exposed_reduce_seconds},
                        {"device_memory_gib", figures.peak_memory_bytes / kGibibyte}});
  ++steps_since_line_;
  windows_ += figures.windows;
  seconds_ += figures.seconds;
  exposed_reduce_seconds_ += figures.exposed_reduce_seconds;
  if (state.global_step % logging_steps_ == 0 || state.global_step == steps_) {
    log_info(console_line(state, figures));
    steps_since_line_ = 0;
    windows_ = seconds_ = exposed_reduce_seconds_ = 0.0;
  }
}

std::string FineTuningReport::console_line(const TrainState& state,
                                           const FineTuningFigures& figures) const {
  const auto done = static_cast<double>(state.global_step);
  const auto remaining = static_cast<double>(steps_ - state.global_step);
  std::array<char, 256> text{};
  std::snprintf(text.data(), text.size(),
                "step %lld/%lld (%.1f%%) seed %s loss %.3f lr %.2e gnorm %.2f | %.1f windows/s | "
                "exposed-reduce %.1f%% | eta ",
                static_cast<long long>(state.global_step), static_cast<long long>(steps_),
                100.0 * done / static_cast<double>(steps_), seed_.c_str(), figures.loss,
                figures.learning_rate, figures.gradient_norm, windows_ / seconds_,
                100.0 * exposed_reduce_seconds_ / seconds_);
  return text.data() +
         short_duration(remaining * seconds_ / static_cast<double>(steps_since_line_));
}

}  // namespace lambert
