// SPDX-License-Identifier: Apache-2.0
// Does a restart change anything here? Two real runs of the user's configuration: one of 2 k steps,
// and one that stops after k, is started again, and goes on to 2 k. Then everything is compared.
#include <array>
#include <cmath>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "app/commands.h"
#include "app/compute_device.h"
#include "app/launch.h"
#include "base/error.h"
#include "base/file_system.h"
#include "base/log.h"
#include "checkpoint/compare_tensors.h"
#include "checkpoint/manifest.h"
#include "comm/make_communicator.h"
#include "config/load_run_config.h"
#include "config/step_shape.h"
#include "train/metrics.h"

namespace lambert {
namespace {

namespace fs = std::filesystem;

/// Another number of ranks sums in another order; a few steps amplify the rounding. A lost moment
/// or another sample shows a hundred times as much.
constexpr double kReorderedSums = 1e-3;

/// One line of the report.
struct Verdict {
  std::string item;
  double difference = 0.0;  // relative
  double limit = 0.0;       // 0: equal bits
  bool passed = false;
  std::string detail;
};

struct Runs {
  fs::path uninterrupted;
  fs::path restarted;
};

Verdict judge_tensors(const std::string& item, const Runs& runs, std::int64_t step,
                      const char* file, double limit) {
  const std::string checkpoint = checkpoint_name(step);
  const TensorDifference difference =
      compare_tensors(runs.restarted / checkpoint / file, runs.uninterrupted / checkpoint / file);
  return {item, difference.relative, limit, difference.equal_bits || difference.relative < limit,
          difference.largest};
}

Verdict judge_counters(const Runs& runs, std::int64_t step) {
  const auto read_state = [step](const fs::path& run) {
    return read_manifest(run / checkpoint_name(step)).state;
  };
  const bool equal = read_state(runs.uninterrupted) == read_state(runs.restarted);
  return {"counters", 0.0, 0.0, equal, equal ? "" : "train_state.json"};
}

/// The records of steps after `first_step`, without those of evaluations.
std::vector<nlohmann::json> step_records(const fs::path& run, std::int64_t first_step) {
  std::vector<nlohmann::json> records;
  std::ifstream file(run / kMetricsFile);
  for (std::string line; std::getline(file, line);) {
    nlohmann::json record = nlohmann::json::parse(line, nullptr, /*allow_exceptions=*/false);
    if (record.is_object() && record.contains("loss") &&
        record.value("global_step", std::int64_t{0}) > first_step) {
      records.push_back(std::move(record));
    }
  }
  return records;
}

/// Compares one key of all records; numbers by relative difference, texts exactly.
Verdict judge_records(const std::string& item, const char* key,
                      const std::vector<nlohmann::json>& found,
                      const std::vector<nlohmann::json>& expected, double limit) {
  Verdict verdict{item, 0.0, limit, found.size() == expected.size() && !expected.empty(), ""};
  for (std::size_t index = 0; index < std::min(found.size(), expected.size()); ++index) {
    const nlohmann::json& a = found[index][key];
    const nlohmann::json& b = expected[index][key];
    double difference = a == b ? 0.0 : 1.0;
    if (a.is_number() && b.is_number()) {
      difference =
          std::abs(a.get<double>() - b.get<double>()) / std::max(std::abs(b.get<double>()), 1e-300);
      difference = a == b ? 0.0 : difference;
    }
    if (difference > verdict.difference) {
      verdict.difference = difference;
      verdict.detail = "step " + std::to_string(expected[index]["global_step"].get<std::int64_t>());
    }
  }
  verdict.passed = verdict.passed && (verdict.difference == 0.0 || verdict.difference < limit);
  return verdict;
}

std::vector<Verdict> compare(const Runs& runs, std::int64_t steps, double limit) {
  std::vector<Verdict> verdicts;
  verdicts.push_back(judge_tensors("weights at the stop", runs, steps, kModelFile, 0.0));
  verdicts.push_back(judge_tensors("moments at the stop", runs, steps, kOptimizerFile, 0.0));
  verdicts.push_back(judge_tensors("weights at the end", runs, 2 * steps, kModelFile, limit));
  verdicts.push_back(judge_tensors("moments at the end", runs, 2 * steps, kOptimizerFile, limit));
  verdicts.push_back(judge_counters(runs, 2 * steps));
  const auto expected = step_records(runs.uninterrupted, steps);
  const auto found = step_records(runs.restarted, steps);
  const std::array<std::array<const char*, 2>, 4> exact = {{{"next samples", "sample_hash"},
                                                            {"their masks", "mask_hash"},
                                                            {"their dropout", "dropout_hash"},
                                                            {"learning rates", "learning_rate"}}};
  for (const auto& [item, key] : exact) {
    verdicts.push_back(judge_records(item, key, found, expected, 0.0));
  }
  verdicts.push_back(judge_records("losses", "loss", found, expected, limit));
  return verdicts;
}

std::string scientific(double value) {
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "%.1e", value);
  return text.data();
}

void print_table(const std::vector<Verdict>& verdicts) {
  std::printf("%-21s %-12s %-12s %s\n", "item", "difference", "limit", "verdict");
  for (const Verdict& verdict : verdicts) {
    const std::string found =
        verdict.passed && verdict.difference == 0.0 ? "none" : scientific(verdict.difference);
    const std::string limit = verdict.limit == 0.0 ? "equal" : scientific(verdict.limit);
    std::printf("%-21s %-12s %-12s %s%s\n", verdict.item.c_str(), found.c_str(), limit.c_str(),
                verdict.passed ? "ok" : "DIFFERS",
                verdict.detail.empty() ? "" : (" (most: " + verdict.detail + ")").c_str());
  }
  std::fflush(stdout);
}

void print_json(const std::vector<Verdict>& verdicts) {
  nlohmann::ordered_json list = nlohmann::ordered_json::array();
  for (const Verdict& verdict : verdicts) {
    list.push_back({{"item", verdict.item},
                    {"difference", verdict.difference},
                    {"limit", verdict.limit},
                    {"passed", verdict.passed},
                    {"detail", verdict.detail}});
  }
  std::cout << list.dump(2) << std::endl;
}

std::string last_line_of(const fs::path& log) {
  std::ifstream file(log);
  std::string last;
  for (std::string line; std::getline(file, line);) {
    last = line.empty() ? last : line;
  }
  return last;
}

/// One launch of `lambert train` that stops after `steps`. Returns 0, or the code it failed with.
int launch(const VerifyResumeOptions& options, const fs::path& run, std::int64_t ranks,
           std::int64_t steps) {
  std::vector<std::string> command = {own_program(), "train", options.config};
  command.insert(command.end(), options.overrides.begin(), options.overrides.end());
  for (const std::string& assignment :
       {"output_dir=" + run.string(), "stop_after_steps=" + std::to_string(steps),
        "checkpoint.save_steps=" + std::to_string(options.steps),
        std::string("checkpoint.save_total_limit=0"), std::string("evaluation.data=\"\""),
        std::string("logging.log_sample_hashes=true")}) {
    command.push_back(assignment);
  }
  const std::string launcher =
      options.launcher.empty() && ranks > 1 ? "mpirun -n {ranks}" : options.launcher;
  log_info("running " + std::to_string(steps) + " steps on " + std::to_string(ranks) +
           " ranks, output_dir=" + run.string());
  const fs::path log = run.string() + ".log";
  const int code = run_program(launched_command(launcher, ranks, command), log);
  // The last step of a configuration ends with 0, any other with "stopped on request".
  if (code == 0 || code == static_cast<int>(ExitCode::stopped_on_request)) {
    return 0;
  }
  log_error("verifying resume: lambert train ended with code " + std::to_string(code) + ": " +
            last_line_of(log) + " (log: " + log.string() + ")");
  return code;
}

/// Everything wrong with the request that can be known before the first launch.
RunConfig check_request(const VerifyResumeOptions& options) {
  if (started_by_launcher()) {
    throw ConfigError(
        "verifying resume: started by a launcher; start it alone, it starts the ranks itself: "
        "--ranks 8 --launcher 'mpirun -n {ranks}'");
  }
  RunConfig config = load_run_config(options.config, options.overrides);
  std::int64_t steps = 0;
  for (const PhaseConfig& phase : config.phases) {
    steps += phase.max_steps;
    for (const std::int64_t ranks : {options.ranks, options.restart_ranks}) {
      derive_step_shape(phase, static_cast<int>(ranks), config.communication.reduction);
    }
  }
  if (steps < 2 * options.steps) {
    throw ConfigError("verifying resume: " + std::to_string(2 * options.steps) +
                      " steps are needed, the phases have " + std::to_string(steps) +
                      "; lower --steps");
  }
  return config;
}

}  // namespace

int run_verify_resume(VerifyResumeOptions options) {
  options.restart_ranks = options.restart_ranks > 0 ? options.restart_ranks : options.ranks;
  const RunConfig config = check_request(options);
  const fs::path folder =
      options.output.empty() ? config.output_dir + "-verify-resume" : options.output;
  if (fs::exists(folder)) {
    throw ConfigError("verifying resume: " + folder.string() +
                      " exists; remove it, or give another --output");
  }
  const std::unique_ptr<FileSystem> disk = make_posix_file_system();
  disk->create_directory(folder);
  const Runs runs{folder / "uninterrupted", folder / "restarted"};
  struct Launch {
    const fs::path& run;
    std::int64_t ranks;
    std::int64_t steps;
  };
  for (const Launch& one : {Launch{runs.uninterrupted, options.ranks, 2 * options.steps},
                            Launch{runs.restarted, options.ranks, options.steps},
                            Launch{runs.restarted, options.restart_ranks, options.steps}}) {
    if (const int code = launch(options, one.run, one.ranks, one.steps); code != 0) {
      return code;
    }
    if (one.run == runs.uninterrupted) {
      copy_product_choices(runs.uninterrupted, runs.restarted);
    }
  }
  const bool same_bits = options.ranks == options.restart_ranks ||
                         config.communication.reduction == Reduction::reproducible;
  const std::vector<Verdict> verdicts =
      compare(runs, options.steps, same_bits ? 0.0 : kReorderedSums);
  options.json ? print_json(verdicts) : print_table(verdicts);
  for (const Verdict& verdict : verdicts) {
    if (!verdict.passed) {
      throw DivergenceError("verifying resume: " + verdict.item +
                            " differ after a restart; compare the runs and logs in " +
                            folder.string());
    }
  }
  if (!options.keep) {
    disk->remove_all(folder);
  }
  return 0;
}

}  // namespace lambert
