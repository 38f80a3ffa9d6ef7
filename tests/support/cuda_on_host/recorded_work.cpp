// SPDX-License-Identifier: Apache-2.0
// Recorded work of the registered device, whose work is done when it is put on a stream: a replay
// puts it there again. As with a graph, recording it runs nothing, and it sees only the inputs that
// it was recorded with. The host's code in it runs again too, which a graph's does not.
#include "ops/recorded_work.h"

#include <utility>

namespace lambert {
namespace {

class Closure final : public RecordedWork {
 public:
  explicit Closure(std::function<void()> work) : work_(std::move(work)) {}
  void replay() override { work_(); }

 private:
  std::function<void()> work_;
};

}  // namespace

std::unique_ptr<RecordedWork> record_work(const at::Device& /*device*/,
                                          const std::function<void()>& work) {
  return std::make_unique<Closure>(work);
}

DeviceMark::DeviceMark() = default;
void DeviceMark::place(const at::Device& /*device*/) {}

}  // namespace lambert
