// SPDX-License-Identifier: Apache-2.0
#include "app/bench_peer.h"

#include <cmath>
#include <filesystem>
#include <map>

#include <nlohmann/json.hpp>

#include "app/bench_model.h"
#include "app/launch.h"
#include "base/error.h"
#include "base/file_system.h"
#include "config/enum_names.h"

namespace lambert {
namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t kMostOutput = std::uint64_t{16} << 20;

/// What the peer printed last: one line of JSON.
nlohmann::json run_peer(const BenchOptions& options, const Peer& peer, const std::string& mode) {
  const fs::path script = fs::path("bench/peers") / peer.script;
  if (!fs::exists(script)) {
    throw ConfigError("starting the peer: there is no " + script.string() +
                      " here; start lambert bench in the checkout");
  }
  std::vector<std::string> command = {options.python, script.string()};
  command.insert(command.end(), peer.arguments.begin(), peer.arguments.end());
  if (!mode.empty()) {
    command.push_back(mode);
  }
  const fs::path log =
      fs::temp_directory_path() / ("lambert-peer-" + std::to_string(::getpid()) + ".log");
  const int code = run_program(command, log);
  const std::string output = read_file(log, kMostOutput);
  fs::remove(log);
  const std::size_t begin = output.rfind("\n{");
  nlohmann::json result = nlohmann::json::parse(
      begin == std::string::npos ? output : output.substr(begin + 1), nullptr, false);
  if (code != 0 || !result.is_object() || !result.contains(peer.figure)) {
    throw ConfigError("running the peer " + script.string() + " with " + options.python +
                      ": exit code " + std::to_string(code) + ", it said\n" +
                      output.substr(output.size() - std::min<std::size_t>(output.size(), 1500)) +
                      "\ngive a Python that has its packages: --peer PYTHON");
  }
  return result;
}

double figure_of(const BenchResult& result, const std::string& name) {
  for (const auto& [key, value] : result.figures) {
    if (key == name) {
      return value;
    }
  }
  throw InternalError("a benchmark has no figure " + name);
}

void check_equal_work(const Peer& peer, const BenchResult& ours, const nlohmann::json& theirs) {
  if (peer.same_figure.empty()) {
    return;
  }
  const double here = figure_of(ours, peer.same_figure);
  const auto there = theirs.at(peer.same_figure).get<double>();
  if (std::abs(here - there) > 0.05 * std::abs(there)) {
    throw InternalError("the peer did other work: " + peer.same_figure + " is " +
                        std::to_string(here) + " here, " + std::to_string(there) + " there");
  }
}

void append_spread(const std::string& name, const CallTimes& spread, BenchResult& result) {
  result.figures.emplace_back(name, spread.median);
  result.figures.emplace_back(name + "_smallest", spread.smallest);
  result.figures.emplace_back(name + "_largest", spread.largest);
}

}  // namespace

std::optional<Peer> peer_of(const BenchOptions& options) {
  const std::string batch = std::to_string(options.batch);
  const std::string length = std::to_string(options.max_seq_length);
  const std::string seconds = std::to_string(options.seconds);
  if (options.action == "train") {
    Peer peer{"pytorch_bert.py",
              {"--batch", batch, "--max-seq-length", length, "--seconds", seconds},
              {"eager", "compile", "tuned", "tuned-compile"},
              "tokens_per_second",
              true,
              "loss"};
    peer.arguments.insert(peer.arguments.end(), {"--device", enum_name(options.device)});
    if (options.mixed_lengths) {
      peer.arguments.emplace_back("--mixed-lengths");
    }
    if (options.optimizer) {
      peer.arguments.emplace_back("--optimizer=foreach");
    }
    peer.arguments.insert(peer.arguments.end(), {options.model, options.dtype});
    return peer;
  }
  if (options.action == "attention") {
    const ModelConfig model = bench_config(options).model;
    return Peer{
        "pytorch_attention.py",
        {options.dtype, "--batch", batch, "--max-seq-length", length, "--heads",
         std::to_string(model.num_attention_heads), "--head-size",
         std::to_string(model.hidden_size / model.num_attention_heads), "--seconds", seconds},
        {},
        "milliseconds",
        false,
        ""};
  }
  if (options.action == "lamb") {
    return Peer{"pytorch_lamb.py",
                {"--seconds", seconds, options.model},
                {"foreach"},
                "milliseconds",
                false,
                "parameters"};
  }
  if (options.action == "tokenize") {
    Peer peer{"hf_tokenizers.py",
              {options.tokenizer, options.input, "--seconds", seconds},
              {},
              "megabytes_per_second",
              true,
              "tokens"};
    if (options.cased) {
      peer.arguments.emplace_back("--cased");
    }
    return peer;
  }
  if (options.action == "prepare") {
    return Peer{"original_prepare.py",
                {options.tokenizer, options.input,
                 (fs::temp_directory_path() / "lambert-peer-examples").string(), "--max-seq-length",
                 length},
                {},
                "megabytes_per_second",
                true,
                "examples"};
  }
  return std::nullopt;
}

BenchResult compare_with_peer(const BenchOptions& options, const Peer& peer,
                              const std::function<BenchResult()>& run_ours) {
  BenchResult result;
  std::string fastest;
  double best = 0.0;
  std::vector<std::pair<std::string, double>> probes;
  for (const std::string& mode : peer.modes) {
    const auto figure = run_peer(options, peer, mode).at(peer.figure).get<double>();
    probes.emplace_back("peer_probe_" + mode, figure);
    if (fastest.empty() || (peer.more_is_faster ? figure > best : figure < best)) {
      fastest = mode;
      best = figure;
    }
  }
  std::vector<double> ours;
  std::vector<double> theirs;
  std::vector<double> ratios;
  double peer_memory = 0.0;
  for (std::int64_t round = 0; round < options.rounds; ++round) {
    result = run_ours();
    const nlohmann::json found = run_peer(options, peer, fastest);
    check_equal_work(peer, result, found);
    ours.push_back(figure_of(result, peer.figure));
    theirs.push_back(found.at(peer.figure).get<double>());
    ratios.push_back(peer.more_is_faster ? ours.back() / theirs.back()
                                         : theirs.back() / ours.back());
    peer_memory = std::max(peer_memory, found.value("peak_memory_bytes", 0.0));
  }
  result.settings.emplace_back("peer", peer.script + (fastest.empty() ? "" : " " + fastest));
  result.figures.insert(result.figures.end(), probes.begin(), probes.end());
  result.figures.emplace_back("rounds", static_cast<double>(options.rounds));
  const CallTimes our_spread = summarize(ours);
  const CallTimes peer_spread = summarize(theirs);
  const CallTimes ratio_spread = summarize(ratios);
  append_spread("our_" + peer.figure, our_spread, result);
  append_spread("peer_" + peer.figure, peer_spread, result);
  const double ratio = our_spread.median / peer_spread.median;
  result.figures.emplace_back("times_as_fast", peer.more_is_faster ? ratio : 1.0 / ratio);
  result.figures.emplace_back("times_as_fast_smallest", ratio_spread.smallest);
  result.figures.emplace_back("times_as_fast_largest", ratio_spread.largest);
  if (peer_memory > 0.0) {
    result.figures.emplace_back("peer_peak_memory_bytes", peer_memory);
  }
  return result;
}

}  // namespace lambert
