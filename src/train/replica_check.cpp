// SPDX-License-Identifier: Apache-2.0
#include "train/replica_check.h"

#include <cmath>
#include <cstddef>
#include <map>
#include <string>
#include <vector>

#include <ATen/core/Tensor.h>
#include <ATen/ops/aminmax.h>

#include "base/error.h"
#include "base/hash.h"

namespace lambert {
namespace {

std::string hash_of_weights(const std::vector<NamedParameter>& parameters) {
  StreamingHash hash;
  for (const NamedParameter& parameter : parameters) {
    const at::Tensor weights = parameter.master.detach().cpu().contiguous();
    const auto [least, most] = at::aminmax(weights);  // a NaN anywhere becomes both
    if (!std::isfinite(least.item<float>()) || !std::isfinite(most.item<float>())) {
      throw DivergenceError(
          "checking the weights: " + parameter.name +
          " has a value that is not finite; resume from the last checkpoint with a lower rate");
    }
    hash.update({static_cast<const std::byte*>(weights.data_ptr()), weights.nbytes()});
  }
  return hash.hex();
}

}  // namespace

void check_replicas(Communicator& communicator, const std::vector<NamedParameter>& parameters) {
  const std::string mine = hash_of_weights(parameters);
  const std::vector<std::vector<std::byte>> all =
      communicator.all_gather(std::as_bytes(std::span(mine)));
  std::map<std::vector<std::byte>, std::vector<int>> ranks_by_hash;
  for (std::size_t rank = 0; rank < all.size(); ++rank) {
    ranks_by_hash[all[rank]].push_back(static_cast<int>(rank));
  }
  if (ranks_by_hash.size() == 1) {
    return;
  }
  std::string found;
  for (const auto& [hash, ranks] : ranks_by_hash) {
    found += found.empty() ? "ranks" : " | ranks";
    for (const int rank : ranks) {
      found += " " + std::to_string(rank) + " (" + communicator.host_of(rank) + ")";
    }
  }
  throw DivergenceError(
      "comparing the weights of all ranks: they differ, equal groups are " + found +
      "; suspect memory or processor of the smaller group, then run the same command again");
}

}  // namespace lambert
