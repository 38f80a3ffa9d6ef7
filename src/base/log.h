// SPDX-License-Identifier: Apache-2.0
// Logging for people. Messages are lower-case statements with key=value pairs. Everything goes to
// stderr; stdout carries only what a command was asked for. The logging library is visible in
// log.cpp alone, because LibTorch brings another version of the formatting library it includes.
#pragma once

#include <string>
#include <string_view>

namespace lambert {

struct LogSettings {
  int rank = 0;
  int rank_count = 1;     // above 1, lines carry "[rank 3/8]"
  std::string file = {};  // appended to; empty = console only
  bool quiet = false;  // console shows warnings and errors only (every rank but 0 does so anyway)
};

/// From now on debug messages are shown, as LAMBERT_LOG_LEVEL=debug in the environment does.
void show_debug_messages();

/// Call once per process before the first message; without it messages go to the console.
/// Throws StorageError when the file cannot be opened.
void start_logging(const LogSettings& settings);

void log_debug(std::string_view message);  // shown when LAMBERT_LOG_LEVEL=debug
void log_info(std::string_view message);
void log_warning(std::string_view message);
void log_error(std::string_view message);

}  // namespace lambert
