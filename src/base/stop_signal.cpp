// SPDX-License-Identifier: Apache-2.0
#include "base/stop_signal.h"

#include <csignal>

#include "base/error.h"

namespace lambert {
namespace {

// NOLINTBEGIN(cppcoreguidelines-avoid-non-const-global-variables): a signal handler can reach
// nothing else
volatile std::sig_atomic_t stop_requested = 0;
volatile std::sig_atomic_t save_requested = 0;
volatile std::sig_atomic_t interrupt_count = 0;
// NOLINTEND(cppcoreguidelines-avoid-non-const-global-variables)

void on_stop(int signal_number) {
  stop_requested = 1;
  if (signal_number == SIGINT) {
    interrupt_count = interrupt_count + 1;
    if (interrupt_count > 1) {
      std::signal(SIGINT, SIG_DFL);
      std::raise(SIGINT);
    }
  }
}

void on_save(int /*signal_number*/) {
  save_requested = 1;
}

void install(int signal_number, void (*handler)(int)) {
  struct sigaction action {};
  action.sa_handler = handler;
  action.sa_flags = SA_RESTART;
  LAMBERT_CHECK(sigaction(signal_number, &action, nullptr) == 0, "installing a signal handler");
}

}  // namespace

void install_stop_signal_handlers() {
  install(SIGUSR1, on_stop);
  install(SIGTERM, on_stop);
  install(SIGINT, on_stop);
  install(SIGUSR2, on_save);
}

StopRequest pending_stop_request() {
  if (stop_requested != 0) {
    return StopRequest::save_and_stop;
  }
  return save_requested != 0 ? StopRequest::save : StopRequest::none;
}

StopRequest take_stop_request() {
  const StopRequest request = pending_stop_request();
  if (request == StopRequest::save) {
    save_requested = 0;
  }
  return request;
}

}  // namespace lambert
