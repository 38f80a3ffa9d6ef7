// SPDX-License-Identifier: Apache-2.0
#include "app/bench_profile.h"

#include <algorithm>
#include <map>
#include <set>

#include <ATen/record_function.h>
#include <torch/csrc/autograd/profiler_kineto.h>

#include "base/clock.h"

namespace lambert {
namespace {

constexpr const char* kOurs = "lambert::";

/// Open scopes of the profiled thread, and what closed ones took.
struct Collector {
  struct Open {
    std::string name;
    Stopwatch watch;
    double inner_seconds = 0.0;
  };
  std::vector<Open> open;
  std::map<std::string, double> seconds;
};

// LibTorch's callbacks are plain functions, so the collector of the thread has to be found.
thread_local Collector*
    collector =  // NOLINT(cppcoreguidelines-avoid-non-const-global-variables): see above
    nullptr;

std::unique_ptr<at::ObserverContext> begin_scope(const at::RecordFunction& function) {
  if (collector != nullptr) {
    const std::string name = function.name();
    collector->open.push_back({name.starts_with(kOurs) ? name : "libtorch", {}, 0.0});
  }
  return nullptr;
}

void end_scope(const at::RecordFunction& /*function*/, at::ObserverContext* /*context*/) {
  if (collector == nullptr || collector->open.empty()) {
    return;
  }
  const Collector::Open closed = collector->open.back();
  collector->open.pop_back();
  const double seconds = closed.watch.seconds();
  collector->seconds[closed.name] += seconds - closed.inner_seconds;
  if (!collector->open.empty()) {
    collector->open.back().inner_seconds += seconds;
  }
}

constexpr std::size_t kLongestName = 100;

/// Without what every name of a compiled function has, its arguments, and the end of a long one.
std::string short_name(std::string name) {
  for (const std::string common : {"void ", "(anonymous namespace)::", kOurs, "at::native::"}) {
    for (std::size_t at = name.find(common); at != std::string::npos; at = name.find(common)) {
      name.erase(at, common.size());
    }
  }
  return name.substr(0, std::min(name.find('('), kLongestName));
}

}  // namespace

std::vector<std::pair<std::string, double>> profile_kernels(const std::function<void()>& work) {
  using torch::profiler::impl::ActivityType;
  const torch::profiler::impl::ProfilerConfig config(torch::profiler::impl::ProfilerState::KINETO);
  const std::set<ActivityType> activities = {ActivityType::CUDA};
  torch::autograd::profiler::prepareProfiler(config, activities);
  torch::autograd::profiler::enableProfiler(config, activities);
  const Stopwatch watch;
  work();
  const double all = watch.seconds();
  const auto trace = torch::autograd::profiler::disableProfiler();
  std::map<std::string, double> seconds;
  double covered = 0.0;
  for (const torch::autograd::profiler::KinetoEvent& event : trace->events()) {
    // Scopes of the host have a shadow on the GPU, under their own names; a kernel's has arguments.
    const bool is_scope =
        event.name().starts_with(kOurs) && event.name().find('(') == std::string::npos;
    if (event.deviceType() == c10::DeviceType::CUDA && !is_scope) {
      const double taken = 1e-9 * static_cast<double>(event.durationNs());
      seconds[short_name(event.name())] += taken;
      covered += taken;
    }
  }
  seconds["no kernel"] = all - covered;
  return {seconds.begin(), seconds.end()};
}

std::vector<std::pair<std::string, double>> profile_classes(const std::function<void()>& work) {
  Collector mine;
  collector = &mine;
  const at::CallbackHandle handle = at::addThreadLocalCallback(
      at::RecordFunctionCallback(begin_scope, end_scope)
          .scopes({at::RecordScope::FUNCTION, at::RecordScope::USER_SCOPE}));
  mine.open.push_back({"between", {}, 0.0});
  work();
  end_scope(at::RecordFunction(at::RecordScope::USER_SCOPE), nullptr);
  at::removeCallback(handle);
  collector = nullptr;
  return {mine.seconds.begin(), mine.seconds.end()};
}

}  // namespace lambert
