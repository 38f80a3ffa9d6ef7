// SPDX-License-Identifier: Apache-2.0
// The one place that catches. Exit codes: docs/operations.md.
#include <exception>
#include <new>

#include "app/command_line.h"
#include "app/failure_report.h"
#include "base/error.h"

int main(int argument_count, char** arguments) {
  try {
    return lambert::run_command_line(argument_count, arguments);
  } catch (const lambert::Error& error) {
    return lambert::report_failure(error.code(), error.what());
  } catch (const std::bad_alloc&) {
    return lambert::report_failure(
        lambert::ExitCode::device,
        "allocating memory: none left; use a smaller micro-batch or fewer ranks");
  } catch (const std::exception& error) {
    return lambert::report_failure(lambert::ExitCode::internal, error.what());
  }
}
