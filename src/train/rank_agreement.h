// SPDX-License-Identifier: Apache-2.0
// Small agreements between the ranks; every rank makes the same calls.
#pragma once

#include <string>

#include "comm/communicator.h"

namespace lambert {

/// Rank 0's text on every rank; the argument of the other ranks is ignored.
std::string text_of_rank_zero(Communicator& communicator, const std::string& text);

/// Throws ConfigError naming the ranks whose text differs from rank 0's. what: for instance "the
/// resolved config"; cure: what the message ends with.
void require_same_text(Communicator& communicator, const std::string& what, const std::string& text,
                       const std::string& cure);

/// Throws ConfigError when ranks run the kernels for another level of processor: levels round
/// differently.
void require_same_processor_level(Communicator& communicator);

}  // namespace lambert
