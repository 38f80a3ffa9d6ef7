// SPDX-License-Identifier: Apache-2.0
#include <array>
#include <cstdio>
#include <iostream>

#include <nlohmann/json.hpp>
#include <unistd.h>

#include "app/commands.h"
#include "app/doctor.h"
#include "app/versions.h"
#include "comm/make_communicator.h"

namespace lambert {
namespace {

std::string name_of(FindingState state) {
  switch (state) {
    case FindingState::ok:
      return "ok";
    case FindingState::warning:
      return "warning";
    case FindingState::missing:
      break;
  }
  return "missing";
}

/// The first finding that rules training out; finished when none does.
ExitCode worst_code(const std::vector<Finding>& findings) {
  for (const Finding& finding : findings) {
    if (finding.code != ExitCode::finished) {
      return finding.code;
    }
  }
  return ExitCode::finished;
}

void print_table(const std::vector<Finding>& findings, bool cpu, bool cuda) {
  for (const Finding& finding : findings) {
    std::printf("%-8s %-20s %s\n", name_of(finding.state).c_str(), finding.name.c_str(),
                finding.found.c_str());
    if (!finding.advice.empty()) {
      std::printf("%29s -> %s\n", "", finding.advice.c_str());
    }
  }
  std::printf("\ntraining on the CPU   %s\ntraining on a GPU     %s\n",
              cpu ? "possible" : "not possible: see what is missing above",
              cuda ? "possible" : "not possible here: see the last lines of the table");
}

void print_json(const std::vector<Finding>& findings, bool cpu, const GpuFindings& gpus) {
  nlohmann::ordered_json json;
  std::array<char, 256> host{};
  ::gethostname(host.data(), host.size() - 1);
  json["host"] = host.data();
  for (const auto& [name, version] : library_versions()) {
    json["versions"][name] = version;
  }
  json["can_train_on"] = {{"cpu", cpu}, {"cuda", gpus.can_train}};
  for (const Finding& finding : findings) {
    json["findings"].push_back({{"name", finding.name},
                                {"state", name_of(finding.state)},
                                {"found", finding.found},
                                {"advice", finding.advice}});
  }
  json["gpus"] = nlohmann::ordered_json::array();
  for (const NvidiaDevice& device : gpus.driver.devices) {
    json["gpus"].push_back({{"name", device.name},
                            {"compute_capability", std::to_string(device.compute_major) + "." +
                                                       std::to_string(device.compute_minor)},
                            {"memory_bytes", device.memory_bytes}});
  }
  std::cout << json.dump(2) << "\n";
}

/// One sentence with everything that was looked for.
std::string describe_missing_cuda(const GpuFindings& gpus) {
  std::string text = "looking for a GPU to train on: ";
  std::string advice;
  for (const Finding& finding : gpus.findings) {
    if (finding.state == FindingState::missing && finding.name != "NCCL") {
      text += (text.ends_with(": ") ? "" : "; ") + finding.name + ": " + finding.found;
      advice = advice.empty() ? finding.advice : advice;
    }
  }
  return text + "; " + advice;
}

}  // namespace

std::string gibibytes_text(double bytes) {
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "%.1f GiB", bytes / (1024.0 * 1024.0 * 1024.0));
  return text.data();
}

int run_doctor(const DoctorOptions& options) {
  if (options.net) {
    return run_network_sweep(options);
  }
  if (launch_rank() > 0) {
    return 0;  // one table is enough
  }
  std::vector<Finding> findings = examine_machine();
  const auto append = [&](const std::vector<Finding>& more) {
    findings.insert(findings.end(), more.begin(), more.end());
  };
  append(examine_storage(options.output_dir));
  append(examine_libraries());
  const ExitCode code = worst_code(findings);
  const GpuFindings gpus = examine_gpus();
  append(gpus.findings);
  const bool cpu = code == ExitCode::finished;
  options.json ? print_json(findings, cpu, gpus) : print_table(findings, cpu, gpus.can_train);
  if (options.require == "cuda" && !gpus.can_train) {
    std::cout.flush();
    std::fflush(stdout);
    throw DeviceError(describe_missing_cuda(gpus));
  }
  return static_cast<int>(code);
}

}  // namespace lambert
