// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <vector>

namespace lambert {

/// One next-sentence pair as prepared: [CLS] A [SEP] B [SEP], unmasked and unpadded.
struct Example {
  std::vector<std::int32_t> token_ids;    // with [CLS] and both [SEP]
  std::int32_t first_segment_length = 0;  // tokens of segment 0: [CLS] A [SEP]
  bool is_random_next = false;            // next-sentence label: 0 = real next, 1 = random
};

/// Ids the masking step and the collation need; stored in the shard header and in the folder's
/// index.
struct SpecialTokens {
  std::int32_t pad = 0;
  std::int32_t unknown = 0;
  std::int32_t cls = 0;
  std::int32_t sep = 0;
  std::int32_t mask = 0;
};

}  // namespace lambert
