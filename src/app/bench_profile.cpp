// SPDX-License-Identifier: Apache-2.0
#include "app/bench_profile.h"

#include <map>

#include <ATen/record_function.h>

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

}  // namespace

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
