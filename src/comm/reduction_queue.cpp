// SPDX-License-Identifier: Apache-2.0
#include "comm/reduction_queue.h"

#include <exception>
#include <utility>

#include "base/error.h"

namespace lambert {

class ReductionQueue::Pending final : public PendingCollective {
 public:
  Pending(ReductionQueue& queue, std::shared_ptr<Job> job) : queue_(queue), job_(std::move(job)) {}
  ~Pending() override { queue_.abandon(*job_); }
  Pending(const Pending&) = delete;
  Pending& operator=(const Pending&) = delete;
  void wait() override { queue_.wait(*job_); }

 private:
  ReductionQueue& queue_;
  std::shared_ptr<Job> job_;
};

ReductionQueue::ReductionQueue(Reduce reduce, std::atomic<bool>& abandoned)
    : reduce_(std::move(reduce)), abandoned_(abandoned), thread_([this] { run(); }) {}

ReductionQueue::~ReductionQueue() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    if (!jobs_.empty()) {
      abandoned_ = true;
    }
  }
  work_.notify_one();
  thread_.join();
}

std::unique_ptr<PendingCollective> ReductionQueue::start(RingWork work) {
  auto job = std::make_shared<Job>();
  job->work = std::move(work);
  {
    const std::lock_guard lock(mutex_);
    job->id = {++started_count_, job->work.name};
    jobs_.push_back(job);
  }
  work_.notify_one();
  return std::make_unique<Pending>(*this, std::move(job));
}

void ReductionQueue::run() {
  std::unique_lock lock(mutex_);
  while (true) {
    work_.wait(lock, [this] { return stopping_ || !jobs_.empty(); });
    if (jobs_.empty()) {
      return;
    }
    const std::shared_ptr<Job> job = jobs_.front();
    if (failure_.empty()) {
      lock.unlock();
      std::string failure = reduce_or_explain(*job);
      lock.lock();
      failure_ = std::move(failure);
    }
    job->failure = failure_;
    job->done = true;
    jobs_.pop_front();
    finished_.notify_all();
  }
}

std::string ReductionQueue::reduce_or_explain(const Job& job) {
  try {
    reduce_(job.work, job.id);
    return {};
  } catch (const std::exception& error) {
    return error.what();
  }
}

void ReductionQueue::wait(Job& job) {
  std::unique_lock lock(mutex_);
  finished_.wait(lock, [&job] { return job.done; });
  if (!job.failure.empty()) {
    throw CommError(job.failure);
  }
}

/// The owner of the values goes away: waits until the thread does not touch them any more.
void ReductionQueue::abandon(Job& job) {
  std::unique_lock lock(mutex_);
  if (!job.done) {
    abandoned_ = true;
    finished_.wait(lock, [&job] { return job.done; });
  }
}

}  // namespace lambert
