// SPDX-License-Identifier: Apache-2.0
#include "checkpoint/tokenizer_json.h"

#include <gtest/gtest.h>

#include "base/error.h"
#include "checkpoint/base64.h"
#include "checkpoint/bpe_merges.h"

namespace lambert {
namespace {

TEST(Base64, EqualsTheVectorsOfRfc4648) {
  EXPECT_EQ(encode_base64(""), "");
  EXPECT_EQ(encode_base64("f"), "Zg==");
  EXPECT_EQ(encode_base64("fo"), "Zm8=");
  EXPECT_EQ(encode_base64("foo"), "Zm9v");
  EXPECT_EQ(encode_base64("foobar"), "Zm9vYmFy");
  EXPECT_EQ(encode_base64("\xFF\xFE"), "//4=");
}

TEST(BpeMerges, AreOrderedByTheScoreOfTheirResult) {
  SentencePieceModel model;
  model.pieces = {{"<unk>", 0.0F, PieceKind::unknown}, {"ab", -0.0F, PieceKind::normal},
                  {"abc", -1.0F, PieceKind::normal},   {"a", -2.0F, PieceKind::normal},
                  {"b", -3.0F, PieceKind::normal},     {"c", -4.0F, PieceKind::normal}};
  const auto merges = derive_bpe_merges(model);
  ASSERT_EQ(merges.size(), 2U);
  EXPECT_EQ(merges[0], (std::pair<std::string, std::string>{"a", "b"}));
  EXPECT_EQ(merges[1], (std::pair<std::string, std::string>{"ab", "c"}));
}

TEST(TokenizerExport, NeedsTheSpecialTokens) {
  EXPECT_THROW(export_wordpiece("[PAD]\n[UNK]\n[CLS]\n[SEP]\nword\n", false, 128), DataError);
  EXPECT_EQ(export_wordpiece("[UNK]\n[CLS]\n[SEP]\n[MASK]\n[PAD]\n", false, 128).pad_token_id, 4);
}

TEST(TokenizerExport, RefusesWhatIsNoSentencepieceModel) {
  EXPECT_THROW(export_sentencepiece("", 128), DataError);
  EXPECT_THROW(export_sentencepiece(std::string(100, '\xFF'), 128), DataError);
  EXPECT_THROW(export_sentencepiece("\x0A\x7F", 128), DataError);
}

}  // namespace
}  // namespace lambert
