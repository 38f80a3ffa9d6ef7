// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <list>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include <mpi.h>

#include "comm/link.h"

namespace lambert {

// The story of the silent rank
// ----------------------------
// A message that does not come says nothing about who is to blame: in a ring everybody waits for a
// neighbour. So every rank has a MONITOR, a thread that sleeps and looks for messages ten times a
// second, whatever the rest of the process does. A rank whose wait passed the deadline has its
// monitor send a PING to all. Monitors answer with a PONG that says which collective their rank is
// at. Who does not answer within kAnswerSeconds is frozen, dead or unreachable. If all answer, the
// pongs tell who has not come to the collective. Either way the result is a VERDICT, which goes to
// all that answered, so that every survivor gives the same names at the same time.

/// Which of the sequences of collectives: those of the main thread, or the reductions beside it, of
/// host memory or of device memory.
enum class CollectiveKind { main_thread, reduction, device_reduction };
inline constexpr std::size_t kCollectiveKinds = 3;

/// Answers the other ranks' pings and asks for this rank. Thread-safe. Owns a thread and a
/// communicator.
class PeerMonitor {
 public:
  static constexpr double kAnswerSeconds = 2.0;

  /// Collective over all ranks. hosts: by rank.
  PeerMonitor(int rank, std::vector<std::string> hosts);
  ~PeerMonitor();
  PeerMonitor(const PeerMonitor&) = delete;
  PeerMonitor& operator=(const PeerMonitor&) = delete;

  /// This rank has come to a collective. Throws CommError if there is a verdict already.
  void enter(CollectiveKind kind, const CollectiveId& id);
  /// Throws CommError if some rank has been found silent or late. Cheap: one atomic load.
  void throw_if_verdict(CollectiveKind kind, const CollectiveId& id) const;
  bool has_verdict() const { return has_verdict_.load(std::memory_order_acquire); }
  /// The deadline of a wait has passed: finds out why, tells the others, throws CommError.
  [[noreturn]] void report_silence(CollectiveKind kind, const CollectiveId& id,
                                   double waited_seconds);
  /// This rank found an error that ends the run: tells the others.
  void publish(const std::string& verdict);

 private:
  enum class MessageKind : std::int32_t { ping, pong, verdict };
  /// Below Open MPI's eager limits, so sending never waits for the receiver.
  struct Message {
    MessageKind kind = MessageKind::ping;
    std::int32_t sender = 0;
    std::array<std::uint64_t, kCollectiveKinds> sequence = {};     // by CollectiveKind
    std::array<std::array<char, 48>, kCollectiveKinds> name = {};  // likewise
    std::array<char, 1024> text = {};                              // of a verdict
  };
  struct Outgoing {
    Message message;
    MPI_Request request = MPI_REQUEST_NULL;
  };

  void run();
  void receive_messages();
  void accept(const Message& message);
  void send(int rank, const Message& message);
  void send_queued();
  void set_verdict(const std::string& text);
  Message state_message(MessageKind kind) const;
  std::string judge(CollectiveKind kind, const CollectiveId& id, double waited_seconds) const;
  std::string name_of(int rank) const;

  const int rank_;
  const std::vector<std::string> hosts_;
  MPI_Comm communicator_ = MPI_COMM_NULL;  // used by the thread alone; freed with MPI
  mutable std::mutex mutex_;               // guards everything below
  std::condition_variable wake_;
  std::condition_variable answered_;
  Message state_;                              // where this rank is
  std::vector<std::optional<Message>> pongs_;  // by rank, of the current question
  bool asking_ = false;
  bool ping_due_ = false;
  bool verdict_due_ = false;
  bool stopping_ = false;
  std::string verdict_;
  std::atomic<bool> has_verdict_ = false;
  std::list<Outgoing> outgoing_;  // used by the thread alone
  std::thread thread_;
};

}  // namespace lambert
