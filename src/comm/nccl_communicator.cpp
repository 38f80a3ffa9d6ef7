// SPDX-License-Identifier: Apache-2.0
#include "comm/nccl_communicator.h"

#include <algorithm>
#include <array>
#include <exception>
#include <span>
#include <utility>

#include "base/error.h"
#include "base/hash.h"
#include "base/log.h"
#include "comm/exit_timer.h"
#include "comm/make_communicator.h"
#include "comm/ring_all_reduce.h"
#include "comm/ring_announcement.h"

namespace lambert {
namespace {

constexpr int kCommunicationExit = static_cast<int>(ExitCode::communication);

/// As for MPI: starting on a busy machine takes longer than any single message.
constexpr double kSmallestStartSeconds = 60.0;

}  // namespace

/// Gives the event back when the work is done.
class NcclCommunicator::Pending final : public PendingCollective {
 public:
  Pending(NcclCommunicator& owner, NcclWatch::Work work) : owner_(owner), work_(std::move(work)) {}
  ~Pending() override {
    if (!is_done_ && !owner_.watch_->has_failed()) {
      owner_.watch_->give_up("reduction '" + work_.id.name + "' on rank " +
                             std::to_string(owner_.rank()) +
                             ": given up because this rank ends on an error of its own");
    }
  }
  Pending(const Pending&) = delete;
  Pending& operator=(const Pending&) = delete;
  void wait() override {
    if (!is_done_) {
      owner_.watch_->wait(work_);
      owner_.free_events_.push_back(work_.done);
      is_done_ = true;
    }
  }

 private:
  NcclCommunicator& owner_;
  NcclWatch::Work work_;
  bool is_done_ = false;
};

NcclCommunicator::NcclCommunicator(const CommConfig& config, const CommDevice& device)
    : timeout_seconds_(config.timeout_seconds),
      exceptions_at_start_(std::uncaught_exceptions()),
      api_(load_device_api(device.libraries)),
      control_(std::make_unique<MpiCommunicator>(config)) {
  check_cuda(*api_, api_->cuda.set_device(device.index),
             "choosing CUDA device " + std::to_string(device.index) + " on rank " +
                 std::to_string(rank()) + " (" + host_of(rank()) + ")");
  create_stream();
  connect();
  collectives_ = std::make_unique<NcclCollectives>(api_, comm_, rank(), stream_,
                                                   config.all_reduce_dtype, device.casts);
  watch_ = std::make_unique<NcclWatch>(api_, comm_, device.index, control_->monitor(), rank(),
                                       config.timeout_seconds);
  if (rank() == 0) {
    int version = 0;
    check(api_->nccl.version(&version), "asking NCCL for its version");
    log_info("NCCL started version=" + std::to_string(version) + " library=" + api_->nccl_path +
             " ranks=" + std::to_string(size()));
  }
}

/// A stream of the highest priority: its kernels are few and others wait for them. It does not wait
/// for CUDA's default stream.
void NcclCommunicator::create_stream() {
  const std::string doing = "creating the stream of reductions on rank " + std::to_string(rank());
  int least = 0;
  int greatest = 0;
  check_cuda(*api_, api_->cuda.stream_priority_range(&least, &greatest), doing);
  check_cuda(*api_, api_->cuda.stream_create(&stream_, kCudaStreamNonBlocking, greatest), doing);
  produced_ = take_event();
}

void NcclCommunicator::connect() {
  control_->barrier();  // with a deadline that names who is late; NCCL's own start has none
  NcclUniqueId id;
  if (rank() == 0) {
    check(api_->nccl.unique_id(&id), "making NCCL's unique id");
  }
  control_->broadcast(std::as_writable_bytes(std::span(id.internal)), 0);
  const ExitTimer timer(
      std::max(timeout_seconds_, kSmallestStartSeconds), kCommunicationExit,
      "starting NCCL on rank " + std::to_string(rank()) + ": ncclCommInitRank on some rank");
  check(api_->nccl.init_rank(&comm_, size(), id, rank()), "starting NCCL");
}

void NcclCommunicator::check(int result, const std::string& doing) const {
  if (result != kNcclSuccess) {
    throw CommError(doing + " on rank " + std::to_string(rank()) + " (" + host_of(rank()) +
                    "): NCCL reports: " + api_->nccl.error_string(result) + " (code " +
                    std::to_string(result) + "; " + api_->nccl.last_error(comm_) +
                    "); set NCCL_DEBUG=INFO to see more");
  }
}

NcclCommunicator::~NcclCommunicator() {
  const bool unwinding = std::uncaught_exceptions() > exceptions_at_start_;
  if (unwinding || watch_->has_failed() || control_->monitor().has_verdict()) {
    // Whatever hangs on the device ends with the process; freeing would wait for it.
    watch_.reset();
    return;
  }
  try {
    leave();
  } catch (const std::exception& error) {
    log_error(std::string("finishing NCCL: ") + error.what());
    abort_job(kCommunicationExit);
  }
}

void NcclCommunicator::leave() {
  control_->barrier();
  const ExitTimer timer(timeout_seconds_, kCommunicationExit,
                        "finishing NCCL on rank " + std::to_string(rank()));
  watch_.reset();
  const std::string doing = "finishing NCCL";
  for (void* registration : registrations_) {
    check(api_->nccl.deregister(comm_, registration), doing);
  }
  check(api_->nccl.finalize(comm_), doing);
  check(api_->nccl.destroy(comm_), doing);
  comm_ = nullptr;
  collectives_->free_staging();
  for (CudaEvent event : all_events_) {
    check_cuda(*api_, api_->cuda.event_destroy(event), doing);
  }
  check_cuda(*api_, api_->cuda.stream_destroy(stream_), doing);
}

void NcclCommunicator::register_memory(std::span<std::byte> device_memory) {
  if (device_memory.empty()) {
    return;
  }
  void* registration = nullptr;
  check(
      api_->nccl.register_memory(comm_, device_memory.data(), device_memory.size(), &registration),
      "registering memory with NCCL");
  registrations_.push_back(registration);
}

CudaEvent NcclCommunicator::take_event() {
  if (free_events_.empty()) {
    CudaEvent event = nullptr;
    check_cuda(*api_, api_->cuda.event_create(&event, kCudaEventDisableTiming),
               "creating an event");
    all_events_.push_back(event);
    return event;
  }
  CudaEvent event = free_events_.back();
  free_events_.pop_back();
  return event;
}

std::unique_ptr<PendingCollective> NcclCommunicator::start(RingWork work) {
  if (!work.producer) {
    return control_->start(std::move(work));
  }
  if (!work.residual.empty()) {
    throw ConfigError("starting '" + work.name +
                      "': NCCL does not tell what its bf16 sums round away, so there is no error "
                      "feedback; set communication.error_feedback: false");
  }
  check_ring_work(work, size());
  const CollectiveId id{++started_count_, work.name};
  control_->monitor().enter(CollectiveKind::device_reduction, id);
  const RingAnnouncement announcement = announce(work, id);
  const std::array<std::uint64_t, 2> chain = {started_hash_,
                                              hash64(std::as_bytes(std::span(&announcement, 1)))};
  started_hash_ = hash64(std::as_bytes(std::span(chain)));
  control_->compare_also(started_hash_, describe(announcement));
  const NcclWatch::Work in_flight{id, take_event()};
  watch_->call(id, [&] {
    const std::string doing = "ordering '" + work.name + "' after the computation";
    CudaEvent ready = work.producer->mark;
    if (ready == nullptr) {
      ready = produced_;
      check_cuda(*api_, api_->cuda.event_record(ready, work.producer->handle), doing);
    }
    check_cuda(*api_, api_->cuda.stream_wait_event(stream_, ready, 0), doing);
    collectives_->enqueue(work);
    check_cuda(*api_, api_->cuda.event_record(in_flight.done, stream_), doing);
  });
  watch_->add(in_flight);
  return std::make_unique<Pending>(*this, in_flight);
}

}  // namespace lambert
