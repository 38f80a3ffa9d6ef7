// SPDX-License-Identifier: Apache-2.0
#include "checkpoint/bpe_merges.h"

#include <algorithm>
#include <tuple>
#include <unordered_map>

namespace lambert {
namespace {

struct Merge {
  float score = 0.0F;
  std::size_t left = 0;  // index of the piece
  std::size_t right = 0;
};

bool takes_part(const SentencePiece& piece) {
  return piece.kind == PieceKind::normal || piece.kind == PieceKind::user_defined;
}

bool starts_a_character(char byte) {
  return (static_cast<unsigned char>(byte) & 0xC0U) != 0x80U;
}

}  // namespace

std::vector<std::pair<std::string, std::string>> derive_bpe_merges(
    const SentencePieceModel& model) {
  std::unordered_map<std::string_view, std::size_t> index_of;
  for (std::size_t index = 0; index < model.pieces.size(); ++index) {
    if (takes_part(model.pieces[index])) {
      index_of.emplace(model.pieces[index].text, index);
    }
  }
  std::vector<Merge> merges;
  for (const auto& [text, index] : index_of) {
    for (std::size_t cut = 1; cut < text.size(); ++cut) {
      if (!starts_a_character(text[cut])) {
        continue;
      }
      const auto left = index_of.find(text.substr(0, cut));
      const auto right = index_of.find(text.substr(cut));
      if (left != index_of.end() && right != index_of.end()) {
        merges.push_back({model.pieces[index].score, left->second, right->second});
      }
    }
  }
  std::sort(merges.begin(), merges.end(), [](const Merge& one, const Merge& other) {
    return std::make_tuple(-one.score, one.left, one.right) <
           std::make_tuple(-other.score, other.left, other.right);
  });
  std::vector<std::pair<std::string, std::string>> result;
  result.reserve(merges.size());
  for (const Merge& merge : merges) {
    result.emplace_back(model.pieces[merge.left].text, model.pieces[merge.right].text);
  }
  return result;
}

}  // namespace lambert
