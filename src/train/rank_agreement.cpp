// SPDX-License-Identifier: Apache-2.0
#include "train/rank_agreement.h"

#include <span>
#include <vector>

#include "base/error.h"
#include "base/hash.h"
#include "kernels/cpu_level.h"

namespace lambert {
std::string text_of_rank_zero(Communicator& communicator, const std::string& text) {
  const std::string mine = communicator.rank() == 0 ? text : std::string();
  const std::vector<std::byte> bytes =
      communicator.all_gather(std::as_bytes(std::span(mine))).front();
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

void require_same_text(Communicator& communicator, const std::string& what, const std::string& text,
                       const std::string& cure) {
  const std::string hash = hash128_hex(std::as_bytes(std::span(text)));
  const std::vector<std::vector<std::byte>> all =
      communicator.all_gather(std::as_bytes(std::span(hash)));
  std::string differing;
  for (std::size_t rank = 1; rank < all.size(); ++rank) {
    if (all[rank] != all.front()) {
      differing +=
          " " + std::to_string(rank) + " (" + communicator.host_of(static_cast<int>(rank)) + ")";
    }
  }
  if (!differing.empty()) {
    throw ConfigError("comparing " + what + " of all ranks: different from rank 0's on rank" +
                      differing + "; " + cure);
  }
}

void require_same_processor_level(Communicator& communicator) {
  require_same_text(communicator, "the processor level of the kernels (here " + cpu_level() + ")",
                    cpu_level(),
                    "levels round differently: run on equal nodes, or give all ranks the lowest "
                    "level, like mpirun -x LD_LIBRARY_PATH=.../lib/glibc-hwcaps/x86-64-v3");
}

}  // namespace lambert
