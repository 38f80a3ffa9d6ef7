// SPDX-License-Identifier: Apache-2.0
#include "train/run_records.h"

#include <array>
#include <ctime>
#include <utility>

#include <fcntl.h>
#include <nlohmann/json.hpp>
#include <unistd.h>

#include "base/log.h"

namespace lambert {
namespace {

using Json = nlohmann::ordered_json;
namespace fs = std::filesystem;

constexpr std::uint64_t kLargestRecord = std::uint64_t{64} << 20;

std::string text_of(const Json& json) {
  return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

Json step_or_null(std::int64_t step) {
  return step >= 0 ? Json(step) : Json(nullptr);
}

/// The launches so far; a damaged run.json starts afresh, it only informs.
Json read_run_json(const fs::path& path) {
  if (fs::exists(path)) {
    const Json stored =
        Json::parse(read_file(path, kLargestRecord), nullptr, /*allow_exceptions=*/false);
    if (stored.is_object() && stored.contains("launches") && stored["launches"].is_array()) {
      return stored;
    }
  }
  return {{"program", "lambert"}, {"launches", Json::array()}};
}

std::string ended_line(const RunEnd& end, const RunProgress& progress) {
  return "run ended code=" + std::to_string(static_cast<int>(end.code)) + " reason=" + end.reason +
         " step=" + std::to_string(progress.global_step) + " last_checkpoint=" +
         (progress.last_committed_step >= 0 ? std::to_string(progress.last_committed_step)
                                            : std::string("none"));
}

}  // namespace

std::string this_host() {
  std::array<char, 256> name{};
  ::gethostname(name.data(), name.size() - 1);
  return name.data();
}

std::string time_now() {
  const std::time_t now = std::time(nullptr);
  std::tm parts{};
  ::localtime_r(&now, &parts);
  std::array<char, 40> text{};
  const std::size_t size = std::strftime(text.data(), text.size(), "%Y-%m-%dT%H:%M:%S%z", &parts);
  std::string result(text.data(), size);
  return result.size() > 2 ? result.insert(result.size() - 2, ":") : result;  // +0100 -> +01:00
}

std::string reason_of(ExitCode code) {
  switch (code) {
    case ExitCode::finished:
      return "finished";
    case ExitCode::config:
      return "config_error";
    case ExitCode::data:
      return "data_error";
    case ExitCode::checkpoint:
      return "checkpoint_error";
    case ExitCode::divergence:
      return "diverged";
    case ExitCode::communication:
      return "peer_lost";
    case ExitCode::device:
      return "device_error";
    case ExitCode::storage:
      return "storage_error";
    case ExitCode::busy:
      return "busy";
    case ExitCode::stopped_on_request:
      return "stopped_on_request";
    case ExitCode::internal:
      break;
  }
  return "internal_error";
}

RunRecords::RunRecords(FileSystem& file_system, fs::path output_dir)
    : file_system_(file_system), output_dir_(std::move(output_dir)) {}

void RunRecords::start(const std::string& config_yaml, const fs::path& config_source,
                       const Launch& launch) {
  file_system_.write_file_atomically(output_dir_ / "config.yaml", config_yaml);
  file_system_.write_file_atomically(output_dir_ / "config.source.yaml",
                                     read_file(config_source, kLargestRecord));
  Json run = read_run_json(output_dir_ / "run.json");
  run["parameter_count"] = launch.parameter_count;
  if (launch.seed) {
    run["seed"] = *launch.seed;
  }
  Json versions = Json::object();
  for (const auto& [name, version] : launch.versions) {
    versions[name] = version;
  }
  run["launches"].push_back({{"command", launch.command},
                             {"ranks", launch.hosts.size()},
                             {"hosts", launch.hosts},
                             {"threads_per_rank", launch.threads_per_rank},
                             {"first_step", launch.first_step},
                             {"versions", versions},
                             {"decayed_tensors", launch.decayed_tensors},
                             {"adapted_tensors", launch.adapted_tensors},
                             {"start", time_now()},
                             {"stop", nullptr},
                             {"code", nullptr},
                             {"reason", nullptr}});
  file_system_.write_file_atomically(output_dir_ / "run.json", text_of(run));
}

void RunRecords::running(const RunProgress& progress) {
  write_status("running", nullptr, progress);
}

void RunRecords::end(const RunEnd& end, const RunProgress& progress) noexcept {
  try {
    write_status(end.code == ExitCode::finished ? "finished" : "stopped", &end, progress);
    finish_run_json(end, progress);
  } catch (const std::exception& error) {
    log_warning(std::string("writing the status of the run: ") + error.what());
  }
  log_info(ended_line(end, progress));
}

void RunRecords::record_failure(const RunEnd& end, const RunProgress& progress) noexcept {
  try {
    const fs::path path = output_dir_ / "failure.json";
    // Exclusive creation decides which rank was first.
    const int descriptor = ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
    if (descriptor < 0) {
      return;
    }
    const std::string text = text_of({{"rank", end.rank},
                                      {"host", this_host()},
                                      {"step", progress.global_step},
                                      {"phase", progress.work},
                                      {"what", end.what},
                                      {"reason", end.reason},
                                      {"code", static_cast<int>(end.code)},
                                      {"time", time_now()}});
    const ssize_t written = ::write(descriptor, text.data(), text.size());
    ::close(descriptor);
    if (written != static_cast<ssize_t>(text.size())) {
      log_warning("writing " + path.string() + " failed; check the disk");
    }
    write_status("failed", &end, progress);
    finish_run_json(end, progress);
  } catch (const std::exception& error) {
    log_warning(std::string("writing the failure of the run: ") + error.what());
  }
  log_error(ended_line(end, progress));
}

void RunRecords::write_status(const char* state, const RunEnd* end, const RunProgress& progress) {
  Json status = {{"state", state},
                 {"step", progress.global_step},
                 {"last_committed_step", step_or_null(progress.last_committed_step)},
                 {"reason", end != nullptr ? Json(end->reason) : Json(nullptr)},
                 {"code", end != nullptr ? Json(static_cast<int>(end->code)) : Json(nullptr)},
                 {"time", time_now()},
                 {"host", this_host()},
                 {"pid", ::getpid()}};
  file_system_.write_file_atomically(output_dir_ / "status.json", text_of(status));
}

void RunRecords::finish_run_json(const RunEnd& end, const RunProgress& progress) {
  Json run = read_run_json(output_dir_ / "run.json");
  // A launch that fails before its start was recorded must not overwrite the one before it.
  if (!run["launches"].empty() && run["launches"].back().value("stop", Json()).is_null()) {
    Json& launch = run["launches"].back();
    launch["stop"] = time_now();
    launch["last_step"] = progress.global_step;
    launch["code"] = static_cast<int>(end.code);
    launch["reason"] = end.reason;
    file_system_.write_file_atomically(output_dir_ / "run.json", text_of(run));
  }
}

}  // namespace lambert
