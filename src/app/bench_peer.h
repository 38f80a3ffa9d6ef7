// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "app/bench_result.h"
#include "app/commands.h"

namespace lambert {

/// The program of bench/peers/ that a benchmark is compared with. It prints one JSON object with
/// the compared figure under the name that our result has for it.
struct Peer {
  std::string script;
  std::vector<std::string> arguments;
  std::vector<std::string> modes;  // each tried once, the fastest takes part; empty: there is one
  std::string figure;
  bool more_is_faster = true;
  std::string same_figure;  // must agree, within 5 %: the sign of equal work
};

/// None for benchmarks without one, or whose peer is part of them.
std::optional<Peer> peer_of(const BenchOptions& options);

/// Tries the peer's modes once each, then runs ours and the fastest mode in turn, options.rounds
/// times. The result is ours of the last round, with medians and ranges of both and their ratio.
/// Throws ConfigError when the peer cannot run here.
BenchResult compare_with_peer(const BenchOptions& options, const Peer& peer,
                              const std::function<BenchResult()>& run_ours);

}  // namespace lambert
