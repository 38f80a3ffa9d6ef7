// SPDX-License-Identifier: Apache-2.0
#include "base/log.h"

#include <cstdlib>
#include <memory>

#include <spdlog/sinks/basic_file_sink.h>
#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>

#include "base/error.h"

namespace lambert {
namespace {

spdlog::logger& logger() {
  static const bool ready = [] {
    spdlog::set_default_logger(std::make_shared<spdlog::logger>(
        "lambert", std::make_shared<spdlog::sinks::stderr_color_sink_mt>()));
    spdlog::set_pattern("%Y-%m-%dT%H:%M:%S%z %^%l%$ %v");
    return true;
  }();
  static_cast<void>(ready);
  return *spdlog::default_logger_raw();
}

}  // namespace

void show_debug_messages() {
  ::setenv("LAMBERT_LOG_LEVEL", "debug", 1);
  logger().set_level(spdlog::level::debug);
}

void start_logging(const LogSettings& settings) {
  spdlog::logger& target = logger();
  if (!settings.file.empty()) {
    try {
      target.sinks().push_back(
          std::make_shared<spdlog::sinks::basic_file_sink_mt>(settings.file, false));
    } catch (const spdlog::spdlog_ex& error) {
      throw StorageError("opening log file " + settings.file + ": " + error.what() +
                         "; check the output directory");
    }
  }
  const char* wanted = std::getenv("LAMBERT_LOG_LEVEL");
  const bool debug = wanted != nullptr && std::string_view(wanted) == "debug";
  target.set_level(debug ? spdlog::level::debug : spdlog::level::info);
  if (settings.quiet || settings.rank != 0) {
    target.sinks().front()->set_level(spdlog::level::warn);
  }
  const std::string prefix = settings.rank_count > 1
                                 ? "[rank " + std::to_string(settings.rank) + "/" +
                                       std::to_string(settings.rank_count) + "] "
                                 : "";
  target.set_pattern("%Y-%m-%dT%H:%M:%S%z %^%l%$ " + prefix + "%v");
  target.flush_on(spdlog::level::info);
}

void log_debug(std::string_view message) {
  logger().debug("{}", message);
}
void log_info(std::string_view message) {
  logger().info("{}", message);
}
void log_warning(std::string_view message) {
  logger().warn("{}", message);
}
void log_error(std::string_view message) {
  logger().error("{}", message);
}

}  // namespace lambert
