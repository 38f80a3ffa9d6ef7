// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "checkpoint/sentencepiece_model.h"

namespace lambert {

/// The merge list of a sentencepiece BPE model, best first. Sentencepiece stores scores of results
/// only: every way to cut a piece into two pieces is a merge with the result's score.
std::vector<std::pair<std::string, std::string>> derive_bpe_merges(const SentencePieceModel& model);

}  // namespace lambert
