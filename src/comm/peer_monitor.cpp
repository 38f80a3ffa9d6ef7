// SPDX-License-Identifier: Apache-2.0
#include "comm/peer_monitor.h"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string_view>
#include <utility>

#include "base/error.h"
#include "base/log.h"
#include "comm/check_mpi.h"

namespace lambert {
namespace {

constexpr auto kIdleSleep = std::chrono::milliseconds(100);  // ten wake-ups a second cost nothing
constexpr auto kAskingSleep = std::chrono::milliseconds(5);
constexpr const char* kRemedy = "; the job ends: start it again to resume from the last checkpoint";

template <std::size_t kSize>
void copy_text(std::string_view text, std::array<char, kSize>& target) {
  target.fill('\0');
  std::copy_n(text.begin(), std::min(text.size(), kSize - 1), target.begin());
}

std::size_t index_of(CollectiveKind kind) {
  return static_cast<std::size_t>(kind);
}

std::string one_decimal(double value) {
  std::array<char, 32> text = {};
  std::snprintf(text.data(), text.size(), "%.1f", value);
  return text.data();
}

std::string describe(CollectiveKind kind, std::string_view name, std::uint64_t sequence) {
  if (sequence == 0) {
    return kind == CollectiveKind::main_thread ? "no collective yet" : "no reduction yet";
  }
  return (kind == CollectiveKind::main_thread ? "collective '" : "reduction '") +
         std::string(name) + "' #" + std::to_string(sequence);
}

}  // namespace

PeerMonitor::PeerMonitor(int rank, std::vector<std::string> hosts)
    : rank_(rank), hosts_(std::move(hosts)), pongs_(hosts_.size()) {
  check_mpi(MPI_Comm_dup(MPI_COMM_WORLD, &communicator_), "MPI_Comm_dup");
  check_mpi(MPI_Comm_set_errhandler(communicator_, MPI_ERRORS_RETURN), "MPI_Comm_set_errhandler");
  thread_ = std::thread([this] { run(); });
}

PeerMonitor::~PeerMonitor() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_one();
  thread_.join();
  if (!outgoing_.empty()) {
    // A frozen rank has not taken its messages: MPI still reads them, so they must outlive us.
    static_cast<void>(std::make_unique<std::list<Outgoing>>(std::move(outgoing_)).release());
  }
}

void PeerMonitor::enter(CollectiveKind kind, const CollectiveId& id) {
  throw_if_verdict(kind, id);
  const std::lock_guard lock(mutex_);
  state_.sequence.at(index_of(kind)) = id.sequence;
  copy_text(id.name, state_.name.at(index_of(kind)));
}

void PeerMonitor::throw_if_verdict(CollectiveKind kind, const CollectiveId& id) const {
  if (!has_verdict()) {
    return;
  }
  const std::lock_guard lock(mutex_);
  throw CommError(describe(kind, id.name, id.sequence) + " on rank " + std::to_string(rank_) +
                  ": " + verdict_ + kRemedy);
}

void PeerMonitor::report_silence(CollectiveKind kind, const CollectiveId& id,
                                 double waited_seconds) {
  {
    std::unique_lock lock(mutex_);
    std::fill(pongs_.begin(), pongs_.end(), std::nullopt);
    asking_ = true;
    ping_due_ = true;
    wake_.notify_one();
    const auto limit = std::chrono::duration<double>(kAnswerSeconds);
    answered_.wait_for(lock, limit, [this] {
      const auto answers = std::count_if(pongs_.begin(), pongs_.end(),
                                         [](const auto& pong) { return pong.has_value(); });
      return !verdict_.empty() || answers + 1 == static_cast<std::ptrdiff_t>(hosts_.size());
    });
    asking_ = false;
    if (verdict_.empty()) {
      set_verdict(judge(kind, id, waited_seconds));
    }
  }
  throw_if_verdict(kind, id);
  std::abort();  // not reached: the verdict is set
}

void PeerMonitor::publish(const std::string& verdict) {
  const std::lock_guard lock(mutex_);
  if (verdict_.empty()) {
    set_verdict(verdict);
  }
}

/// mutex_ is held.
void PeerMonitor::set_verdict(const std::string& text) {
  verdict_ = text;
  verdict_due_ = true;
  has_verdict_.store(true, std::memory_order_release);
  wake_.notify_one();
}

/// mutex_ is held. Who is to blame, from the answers.
std::string PeerMonitor::judge(CollectiveKind kind, const CollectiveId& id,
                               double waited_seconds) const {
  const std::string where = describe(kind, id.name, id.sequence);
  std::string silent;
  std::string late;
  for (std::size_t i = 0; i < pongs_.size(); ++i) {
    if (static_cast<int>(i) == rank_) {
      continue;
    }
    const std::optional<Message>& pong = pongs_[i];
    const std::string name = name_of(static_cast<int>(i));
    if (!pong) {
      silent += (silent.empty() ? "" : ", ") + name;
    } else if (pong->sequence.at(index_of(kind)) < id.sequence) {
      late +=
          (late.empty() ? "" : ", ") + name + " has not entered it after " +
          one_decimal(waited_seconds) + " s (it is at " +
          describe(kind, pong->name.at(index_of(kind)).data(), pong->sequence.at(index_of(kind))) +
          ")";
    }
  }
  if (!silent.empty()) {
    return silent + " silent for " + one_decimal(waited_seconds) + " s in " + where;
  }
  if (!late.empty()) {
    return late + ", while rank " + std::to_string(rank_) + " waits in " + where;
  }
  return "no progress for " + one_decimal(waited_seconds) + " s in " + where +
         " although all ranks answer and have entered it; if the network is slow, raise "
         "communication.timeout_seconds";
}

std::string PeerMonitor::name_of(int rank) const {
  return "rank " + std::to_string(rank) + " (" + hosts_.at(static_cast<std::size_t>(rank)) + ")";
}

PeerMonitor::Message PeerMonitor::state_message(MessageKind kind) const {
  Message message = state_;
  message.kind = kind;
  message.sender = rank_;
  return message;
}

void PeerMonitor::run() {
  try {
    std::unique_lock lock(mutex_);
    while (true) {
      lock.unlock();
      receive_messages();
      lock.lock();
      send_queued();
      if (stopping_) {
        return;
      }
      wake_.wait_for(lock, asking_ ? kAskingSleep : kIdleSleep,
                     [this] { return stopping_ || ping_due_ || verdict_due_; });
    }
  } catch (const std::exception& error) {
    log_error(std::string("watching the other ranks: ") + error.what());
  }
}

void PeerMonitor::receive_messages() {
  while (true) {
    int found = 0;
    check_mpi(MPI_Iprobe(MPI_ANY_SOURCE, 0, communicator_, &found, MPI_STATUS_IGNORE),
              "MPI_Iprobe");
    if (found == 0) {
      return;
    }
    Message message;
    check_mpi(MPI_Recv(&message, sizeof message, MPI_BYTE, MPI_ANY_SOURCE, 0, communicator_,
                       MPI_STATUS_IGNORE),
              "MPI_Recv");
    accept(message);
  }
}

void PeerMonitor::accept(const Message& message) {
  const std::lock_guard lock(mutex_);
  switch (message.kind) {
    case MessageKind::ping:
      send(message.sender, state_message(MessageKind::pong));
      break;
    case MessageKind::pong:
      pongs_.at(static_cast<std::size_t>(message.sender)) = message;
      answered_.notify_all();
      break;
    case MessageKind::verdict:
      if (verdict_.empty()) {
        verdict_ = message.text.data();
        has_verdict_.store(true, std::memory_order_release);
        answered_.notify_all();
      }
      break;
  }
}

/// mutex_ is held; called by the thread.
void PeerMonitor::send_queued() {
  std::erase_if(outgoing_, [](Outgoing& sent) {
    int done = 0;
    check_mpi(MPI_Test(&sent.request, &done, MPI_STATUS_IGNORE), "MPI_Test");
    return done != 0;
  });
  Message message = state_message(MessageKind::ping);
  if (verdict_due_) {
    message.kind = MessageKind::verdict;
    copy_text(verdict_, message.text);
  }
  if (ping_due_ || verdict_due_) {
    for (int rank = 0; rank < static_cast<int>(hosts_.size()); ++rank) {
      if (rank != rank_) {
        send(rank, message);
      }
    }
  }
  ping_due_ = false;
  verdict_due_ = false;
}

void PeerMonitor::send(int rank, const Message& message) {
  Outgoing& sent = outgoing_.emplace_back(Outgoing{message});
  check_mpi(MPI_Isend(&sent.message, sizeof sent.message, MPI_BYTE, rank, 0, communicator_,
                      &sent.request),
            // NOLINTNEXTLINE(clang-analyzer-optin.mpi.MPI-Checker): send_queued tests it until done
            "MPI_Isend");
}

}  // namespace lambert
