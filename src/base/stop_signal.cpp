// SPDX-License-Identifier: Apache-2.0
#include "base/stop_signal.h"

#include <array>
#include <atomic>
#include <csignal>
#include <thread>

#include <unistd.h>

#include "base/error.h"

namespace lambert {
namespace {

constexpr std::array kSignals = {SIGUSR1, SIGUSR2, SIGTERM, SIGINT};

// NOLINTBEGIN(cppcoreguidelines-avoid-non-const-global-variables): a signal handler can reach
// nothing else
std::atomic<bool> stop_requested = false;
std::atomic<bool> save_requested = false;
std::atomic<int> interrupt_count = 0;
// NOLINTEND(cppcoreguidelines-avoid-non-const-global-variables)
static_assert(std::atomic<bool>::is_always_lock_free && std::atomic<int>::is_always_lock_free);

void on_stop(int signal_number) {
  stop_requested = true;
  if (signal_number == SIGINT && ++interrupt_count > 1) {
    std::signal(SIGINT, SIG_DFL);
    std::raise(SIGINT);
  }
}

void on_save(int /*signal_number*/) {
  save_requested = true;
}

void install(int signal_number, void (*handler)(int)) {
  struct sigaction action {};
  action.sa_handler = handler;
  action.sa_flags = SA_RESTART;
  LAMBERT_CHECK(sigaction(signal_number, &action, nullptr) == 0, "installing a signal handler");
}

/// SIG_BLOCK or SIG_UNBLOCK for the calling thread and the threads that it will start.
void change_mask(int how) {
  sigset_t signals;
  sigemptyset(&signals);
  for (const int signal_number : kSignals) {
    sigaddset(&signals, signal_number);
  }
  LAMBERT_CHECK(pthread_sigmask(how, &signals, nullptr) == 0, "changing the signal mask");
}

}  // namespace

void install_stop_signal_handlers() {
  change_mask(SIG_BLOCK);
  for (const int signal_number : kSignals) {
    install(signal_number, signal_number == SIGUSR2 ? on_save : on_stop);
  }
  std::thread([] {
    change_mask(SIG_UNBLOCK);
    while (true) {
      ::pause();
    }
  }).detach();
}

void restore_default_signals() {
  for (const int signal_number : kSignals) {
    std::signal(signal_number, SIG_DFL);
  }
  change_mask(SIG_UNBLOCK);
}

StopRequest pending_stop_request() {
  if (stop_requested) {
    return StopRequest::save_and_stop;
  }
  return save_requested ? StopRequest::save : StopRequest::none;
}

StopRequest take_stop_request() {
  const StopRequest request = pending_stop_request();
  if (request == StopRequest::save) {
    save_requested = false;
  }
  return request;
}

}  // namespace lambert
