// SPDX-License-Identifier: Apache-2.0
#include "app/bench_command.h"

#include <cmath>
#include <cstdint>
#include <cstdio>
#include <iostream>
#include <map>
#include <optional>

#include <nlohmann/json.hpp>

#include "app/bench_peer.h"

namespace lambert {
namespace {

void print_lines(const BenchResult& result) {
  for (const auto& [name, value] : result.settings) {
    std::printf("%-36s %s\n", name.c_str(), value.c_str());
  }
  for (const auto& [name, value] : result.figures) {
    std::printf("%-36s %.6g\n", name.c_str(), value);
  }
}

void print_json(const BenchResult& result) {
  nlohmann::ordered_json json;
  for (const auto& [name, value] : result.settings) {
    json[name] = value;
  }
  for (const auto& [name, value] : result.figures) {
    const bool is_count = std::trunc(value) == value && std::abs(value) < 1e15;
    json[name] = is_count ? nlohmann::ordered_json(static_cast<std::int64_t>(value))
                          : nlohmann::ordered_json(value);
  }
  std::cout << json.dump(2) << "\n";
}

}  // namespace

int run_bench(const BenchOptions& options) {
  const std::map<std::string, BenchResult (*)(const BenchOptions&)> benchmarks = {
      {"train", bench_train},   {"matmul", bench_matmul},      {"attention", bench_attention},
      {"lamb", bench_lamb},     {"tokenize", bench_tokenize},  {"prepare", bench_prepare},
      {"loader", bench_loader}, {"allreduce", bench_allreduce}};
  const auto run = [&] { return benchmarks.at(options.action)(options); };
  const std::optional<Peer> peer = options.has_peer ? peer_of(options) : std::nullopt;
  const BenchResult result = peer ? compare_with_peer(options, *peer, run) : run();
  if (result.figures.empty()) {
    return 0;
  }
  options.json ? print_json(result) : print_lines(result);
  return 0;
}

}  // namespace lambert
