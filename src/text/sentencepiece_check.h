// SPDX-License-Identifier: Apache-2.0
// sentencepiece 0.1.97 trusts its model file: a piece of 200 KB, a NUL piece or a bad character map
// ends the process by a signal. So every model passes these checks before the library sees it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace lambert {

constexpr std::uint64_t kMaxModelBytes = 64ULL << 20U;
constexpr std::size_t kMaxPieces = 1'000'000;
constexpr std::size_t kMaxPieceBytes = 1024;

/// What the checks learn on their way.
struct SentencePieceModelInfo {
  std::vector<std::string> pieces;  // index = id
  std::int32_t unknown_id = -1;
  std::string normalizer;  // "nmt_nfkc_cf", ...; empty when the model does not name it
};

/// model: the bytes of the file; source names it in messages. Throws DataError with the byte offset
/// or the piece index of the first fault.
SentencePieceModelInfo check_sentencepiece_model(std::string_view model, const std::string& source);

/// A compiled character map: size of the trie (4 bytes), double-array trie, NUL-terminated
/// replacements. Returns the fault, empty when there is none. Walks every unit that some text can
/// reach.
std::string find_charsmap_fault(std::string_view charsmap);

}  // namespace lambert
