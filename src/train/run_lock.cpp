// SPDX-License-Identifier: Apache-2.0
#include "train/run_lock.h"

#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <thread>

#include <fcntl.h>
#include <nlohmann/json.hpp>
#include <sys/file.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/error.h"
#include "train/run_records.h"

namespace lambert {
namespace {

constexpr double kPatienceSeconds = 30.0;

std::string read_holder(int descriptor) {
  std::array<char, 1024> text{};
  const ssize_t size = ::pread(descriptor, text.data(), text.size(), 0);
  return {text.data(), static_cast<std::size_t>(size > 0 ? size : 0)};
}

struct Holder {
  std::string host = "?";
  int process = 0;
  int launcher = 0;
  std::string start = "?";

  explicit Holder(const std::string& text) {
    const nlohmann::json record = nlohmann::json::parse(text, nullptr, /*allow_exceptions=*/false);
    if (record.is_object()) {
      host = record.value("host", host);
      process = record.value("pid", process);
      launcher = record.value("launcher", launcher);
      start = record.value("start", start);
    }
  }
  std::string description() const {
    return "process " + std::to_string(process) + " on " + host + ", started " + start;
  }
  /// The launcher is gone: the ranks that it left end within seconds.
  bool ending() const {
    return host == this_host() && launcher > 1 && ::kill(launcher, 0) != 0 && errno == ESRCH;
  }
};

}  // namespace

RunLock::RunLock(const std::filesystem::path& output_dir) {
  const std::filesystem::path path = output_dir / "run.lock";
  descriptor_ = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
  if (descriptor_ < 0) {
    throw StorageError("locking the output directory: open " + path.string() + ": " +
                       errno_text(errno) + "; check permissions and free space");
  }
  const Stopwatch waited;
  while (::flock(descriptor_, LOCK_EX | LOCK_NB) != 0) {
    const Holder holder(read_holder(descriptor_));
    if (!holder.ending() || waited.seconds() > kPatienceSeconds) {
      ::close(descriptor_);
      throw BusyError("starting a run in " + output_dir.string() + ": it is in use by " +
                      holder.description() +
                      "; wait for that run, stop it, or choose another output_dir");
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
  }
  const std::string left = read_holder(descriptor_);
  if (!left.empty()) {
    previous_holder_ = Holder(left).description();
  }
  const nlohmann::ordered_json mine = {
      {"host", this_host()}, {"pid", ::getpid()}, {"launcher", ::getppid()}, {"start", time_now()}};
  const std::string text = mine.dump() + "\n";
  // The content only informs; the lock itself is the kernel's.
  if (::ftruncate(descriptor_, 0) != 0 ||
      ::pwrite(descriptor_, text.data(), text.size(), 0) != static_cast<ssize_t>(text.size())) {
    ::close(descriptor_);
    throw StorageError("writing " + path.string() + ": " + errno_text(errno) +
                       "; check free space");
  }
}

RunLock::~RunLock() {
  if (::ftruncate(descriptor_, 0) == 0) {  // empty: ended in order
    ::fsync(descriptor_);
  }
  ::close(descriptor_);
}

}  // namespace lambert
