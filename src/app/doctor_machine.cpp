// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>
#include <cctype>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <sstream>

#include <sched.h>
#include <sys/statvfs.h>
#include <sys/timex.h>
#include <unistd.h>

#include "app/doctor.h"
#include "app/system_file.h"
#include "kernels/cpu_level.h"

namespace lambert {
namespace {

namespace fs = std::filesystem;

constexpr double kGibibyte = 1024.0 * 1024.0 * 1024.0;

/// "model name : AMD EPYC" -> "AMD EPYC", of the first processor.
std::string processor_field(const std::string& key) {
  std::ifstream file("/proc/cpuinfo");
  for (std::string line; std::getline(file, line);) {
    const std::size_t colon = line.find(": ");
    if (line.starts_with(key) && colon != std::string::npos) {
      return line.substr(colon + 2);
    }
  }
  return "";
}

bool has_processor_flag(const std::string& flag) {
  return (" " + processor_field("flags") + " ").find(" " + flag + " ") != std::string::npos;
}

Finding examine_processor() {
  const std::string level = cpu_level();
  const bool has_avx512 = has_processor_flag("avx512bw");
  const bool has_avx2 = has_processor_flag("avx2") && has_processor_flag("fma");
  Finding finding{"processor", FindingState::ok,
                  processor_field("model name") + "; loops for " + level};
  const std::string best = has_avx512 ? "x86-64-v4" : has_avx2 ? "x86-64-v3" : "plain";
  if (level != best && best != "plain") {
    finding.state = FindingState::warning;
    finding.advice = "the processor could run the faster loops for " + best +
                     ": keep the folder "
                     "lib/glibc-hwcaps beside bin/ when you move the program";
  } else if (level == "plain") {
    finding.state = FindingState::warning;
    finding.advice =
        "without AVX2 everything but the matrix products runs one number at a time: "
        "expect a small part of the usual speed; good for trying out only";
  }
  return finding;
}

Finding examine_bf16() {
  const bool has_tiles = has_processor_flag("amx_bf16");
  if (has_tiles || has_processor_flag("avx512_bf16")) {
    return {"bf16", FindingState::ok,
            std::string("multiplied by the processor (") + (has_tiles ? "AMX" : "AVX-512") + ")"};
  }
  if (has_processor_flag("avx512bw")) {
    return {"bf16", FindingState::warning, "no instructions for it, the matmul library converts",
            "precision: fp32 may be faster; measure: lambert bench train --dtype fp32 and bf16"};
  }
  return {"bf16", FindingState::warning, "no AVX-512: products are computed in fp32",
          "precision: bf16 saves memory here, but no time"};
}

/// Cores of the quota that a container may have (cgroup v2, then v1); 0 without one.
double quota_cores() {
  std::istringstream of_second(content_of("/sys/fs/cgroup/cpu.max"));
  std::string quota;
  double period = 0.0;
  if (!(of_second >> quota >> period)) {
    quota = first_line_of("/sys/fs/cgroup/cpu/cpu.cfs_quota_us");
    period = std::atof(first_line_of("/sys/fs/cgroup/cpu/cpu.cfs_period_us").c_str());
  }
  const double microseconds = std::atof(quota.c_str());  // "max" and -1: none
  return microseconds > 0.0 && period > 0.0 ? microseconds / period : 0.0;
}

int usable_cores() {
  cpu_set_t cores;
  CPU_ZERO(&cores);
  return ::sched_getaffinity(0, sizeof(cores), &cores) == 0 ? CPU_COUNT(&cores) : 1;
}

Finding examine_cores() {
  const int usable = usable_cores();
  const double quota = quota_cores();
  Finding finding{
      "cores", FindingState::ok,
      std::to_string(usable) + " usable of " + std::to_string(::sysconf(_SC_NPROCESSORS_ONLN))};
  if (quota > 0.0 && quota < usable) {
    std::array<char, 16> text{};
    std::snprintf(text.data(), text.size(), "%.1f", quota);
    finding.state = FindingState::warning;
    finding.found += ", but time for " + std::string(text.data());
    finding.advice =
        "the container's CPU limit is below its cores: threads would wait for each "
        "other; set threads_per_rank so that ranks times threads is not above it";
  }
  return finding;
}

Finding examine_threads() {
  const char* const wanted = std::getenv("OMP_NUM_THREADS");
  const int usable = usable_cores();
  Finding finding{"threads", FindingState::ok,
                  wanted == nullptr ? "OMP_NUM_THREADS is not set; a run takes threads_per_rank"
                                    : "OMP_NUM_THREADS=" + std::string(wanted) +
                                          " for bench; a run takes threads_per_rank"};
  if (wanted != nullptr && std::atoi(wanted) > usable) {
    finding.state = FindingState::warning;
    finding.advice = "more threads than the " + std::to_string(usable) +
                     " usable cores slow each other down: unset OMP_NUM_THREADS";
  }
  return finding;
}

double memory_figure(const std::string& key) {
  std::ifstream file("/proc/meminfo");
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with(key + ":")) {
      return 1024.0 * std::atof(line.c_str() + key.size() + 1);
    }
  }
  return 0.0;
}

Finding examine_memory() {
  constexpr double kSmall = 2.0 * kGibibyte;  // BERT-Mini with its program fits
  double available = memory_figure("MemAvailable");
  Finding finding{
      "memory", FindingState::ok,
      gibibytes_text(available) + " available of " + gibibytes_text(memory_figure("MemTotal"))};
  for (const char* file :
       {"/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"}) {
    const double limit = std::atof(first_line_of(file).c_str());  // "max" reads as 0
    if (limit > 0.0 && limit < available) {
      available = limit;
      finding.found += ", limited to " + gibibytes_text(limit) + " here";
    }
  }
  if (available < kSmall) {
    finding.state = FindingState::warning;
    finding.advice = "little: end other programs, or raise the limit of the container";
  } else {
    finding.advice = "lambert check CONFIG says what a rank of a run takes";
  }
  return finding;
}

Finding examine_huge_pages() {
  const std::string modes = first_line_of("/sys/kernel/mm/transparent_hugepage/enabled");
  const std::size_t begin = modes.find('[');
  const std::size_t end = modes.find(']');
  if (begin == std::string::npos || end == std::string::npos) {
    return {"huge pages", FindingState::warning, "this kernel has none",
            "training works with small pages, a little slower"};
  }
  const std::string mode = modes.substr(begin + 1, end - begin - 1);
  if (mode == "never") {
    return {"huge pages", FindingState::warning, "turned off",
            "a little slower; an administrator can turn them on: echo madvise > "
            "/sys/kernel/mm/transparent_hugepage/enabled"};
  }
  return {"huge pages", FindingState::ok, mode};
}

/// Ranks of one machine exchange gradients through shared memory, half a MiB each; MPI keeps its
/// own there, some MiB a rank.
Finding examine_shared_memory() {
  constexpr double kSmall = 0.25 * kGibibyte;  // docker's default is 64 MiB
  struct statvfs space {};
  if (::statvfs("/dev/shm", &space) != 0) {
    return {"shared memory", FindingState::missing, "there is no /dev/shm",
            "several ranks on this machine need it: mount a tmpfs there; one rank does not"};
  }
  const double bytes = static_cast<double>(space.f_bavail) * static_cast<double>(space.f_frsize);
  Finding finding{"shared memory", FindingState::ok, gibibytes_text(bytes) + " free in /dev/shm"};
  if (bytes < kSmall) {
    finding.state = FindingState::warning;
    finding.advice =
        "little for several ranks, which would end with a bus error: start the "
        "container with --shm-size=1g (Kubernetes: a Memory volume at /dev/shm)";
  }
  return finding;
}

Finding examine_numa() {
  int nodes = 0;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator("/sys/devices/system/node", error)) {
    const std::string name = entry.path().filename();
    nodes += name.starts_with("node") && name.size() > 4 && std::isdigit(name[4]) != 0 ? 1 : 0;
  }
  if (nodes <= 1) {
    return {"NUMA", FindingState::ok, "one memory node"};
  }
  return {"NUMA", FindingState::ok, std::to_string(nodes) + " memory nodes",
          "start one rank or more on each: mpirun --map-by numa --bind-to numa"};
}

Finding examine_clock_speed() {
  const fs::path folder = "/sys/devices/system/cpu/cpu0/cpufreq";
  const std::string governor = first_line_of(folder / "scaling_governor");
  std::string now = processor_field("cpu MHz");
  now = now.empty() ? "not told" : std::to_string(std::lround(std::atof(now.c_str()))) + " MHz now";
  if (governor == "powersave" && first_line_of(folder / "scaling_driver") == "acpi-cpufreq") {
    return {"clock", FindingState::warning, now + ", governor powersave",
            "the processor stays at its lowest clock: an administrator can change it: cpupower "
            "frequency-set --governor performance"};
  }
  return {"clock", FindingState::ok, now + (governor.empty() ? "" : ", governor " + governor)};
}

Finding examine_time() {
  struct timex state {};
  if (::adjtimex(&state) == TIME_ERROR) {
    return {"time of day", FindingState::warning, "not synchronised",
            "training does not need it; logs of several machines will not line up: turn on NTP"};
  }
  return {"time of day", FindingState::ok, "synchronised"};
}

}  // namespace

std::vector<Finding> examine_machine() {
  return {examine_processor(),   examine_bf16(),       examine_cores(),         examine_threads(),
          examine_memory(),      examine_huge_pages(), examine_shared_memory(), examine_numa(),
          examine_clock_speed(), examine_time()};
}

}  // namespace lambert
