// SPDX-License-Identifier: Apache-2.0
// The one exception family. Each kind has its exit code (docs/operations.md). Messages have three
// parts: what was being done, what was found, what to do. Only app/main.cpp catches; threads hand
// theirs to their owner.
#pragma once

#include <stdexcept>
#include <string>

namespace lambert {

enum class ExitCode : int {
  finished = 0,
  internal = 1,
  config = 2,
  data = 3,
  checkpoint = 4,
  divergence = 5,
  communication = 6,
  device = 7,
  storage = 8,
  busy = 9,
  stopped_on_request = 75,
};

class Error : public std::runtime_error {
 public:
  Error(ExitCode code, const std::string& message) : std::runtime_error(message), code_(code) {}
  ExitCode code() const { return code_; }

 private:
  ExitCode code_;
};

/// Declares an exception class whose only content is its exit code.
// NOLINTBEGIN(bugprone-macro-parentheses): Name is declared, not evaluated
#define LAMBERT_DEFINE_ERROR(Name, exit_code)                                \
  class Name : public Error {                                                \
   public:                                                                   \
    explicit Name(const std::string& message) : Error(exit_code, message) {} \
  }
// NOLINTEND(bugprone-macro-parentheses)

LAMBERT_DEFINE_ERROR(InternalError, ExitCode::internal);  // our bug
LAMBERT_DEFINE_ERROR(ConfigError, ExitCode::config);      // usage, unknown or impossible setting
LAMBERT_DEFINE_ERROR(DataError, ExitCode::data);          // missing, truncated, corrupt input
LAMBERT_DEFINE_ERROR(CheckpointError, ExitCode::checkpoint);  // nothing valid to resume from
LAMBERT_DEFINE_ERROR(DivergenceError, ExitCode::divergence);  // non-finite values, replica mismatch
LAMBERT_DEFINE_ERROR(CommError, ExitCode::communication);     // peer lost, deadline passed
LAMBERT_DEFINE_ERROR(DeviceError, ExitCode::device);          // device failure, out of memory
LAMBERT_DEFINE_ERROR(StorageError, ExitCode::storage);        // output cannot be written
LAMBERT_DEFINE_ERROR(BusyError, ExitCode::busy);  // another run holds the output directory

[[noreturn]] void throw_internal_error(const char* condition, const char* file, int line,
                                       const std::string& message);

/// For our own mistakes; a user's mistake is one of the errors above.
#define LAMBERT_CHECK(condition, message)                                         \
  do {                                                                            \
    if (!(condition)) {                                                           \
      ::lambert::throw_internal_error(#condition, __FILE__, __LINE__, (message)); \
    }                                                                             \
  } while (false)

/// "No space left on device" for ENOSPC.
std::string errno_text(int error_number);

}  // namespace lambert
