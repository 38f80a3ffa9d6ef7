// SPDX-License-Identifier: Apache-2.0
#include "text/sentencepiece_check.h"

#include <limits>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <protozero/pbf_writer.hpp>

#include "base/error.h"
#include "base/file_system.h"

namespace lambert {
namespace {

using testing::HasSubstr;

std::string piece(const std::string& text, float score = -1.0F, int type = 1) {
  std::string message;
  protozero::pbf_writer writer(message);
  writer.add_string(1, text);
  writer.add_float(2, score);
  writer.add_enum(3, type);
  return message;
}

std::string model_of(const std::vector<std::string>& pieces, int model_type = 1,
                     const std::string& charsmap = "") {
  std::string model;
  protozero::pbf_writer writer(model);
  for (const std::string& message : pieces) {
    writer.add_message(1, message);
  }
  std::string trainer;
  protozero::pbf_writer(trainer).add_enum(3, model_type);
  writer.add_message(2, trainer);
  std::string normalizer;
  protozero::pbf_writer normalizer_writer(normalizer);
  normalizer_writer.add_string(1, "nmt_nfkc_cf");
  normalizer_writer.add_bytes(2, charsmap);
  writer.add_message(3, normalizer);
  return model;
}

std::string message_for(const std::string& model) {
  try {
    check_sentencepiece_model(model, "m");
  } catch (const DataError& error) {
    return error.what();
  }
  return "";
}

const std::string& unknown() {
  static const std::string message = piece("<unk>", 0.0F, 2);
  return message;
}

std::string published_model() {
  return read_file(std::string(LAMBERT_FIXTURES) + "/tokenizer/sp-unigram-uncased-16k.model",
                   kMaxModelBytes);
}

TEST(SentencePieceCheck, LearnsPiecesUnknownIdAndNormalizer) {
  const SentencePieceModelInfo info =
      check_sentencepiece_model(model_of({piece("a"), unknown()}), "m");
  EXPECT_THAT(info.pieces, testing::ElementsAre("a", "<unk>"));
  EXPECT_EQ(info.unknown_id, 1);
  EXPECT_EQ(info.normalizer, "nmt_nfkc_cf");
}

TEST(SentencePieceCheck, RefusesBadPiecesByTheirIndex) {
  const float infinity = std::numeric_limits<float>::infinity();
  const float nan = std::numeric_limits<float>::quiet_NaN();
  EXPECT_THAT(message_for(model_of({unknown(), piece(std::string(200'000, 'a'))})),
              HasSubstr("piece 1: 200000 bytes"));
  EXPECT_THAT(message_for(model_of({unknown(), piece("")})), HasSubstr("piece 1: 0 bytes"));
  EXPECT_THAT(message_for(model_of({unknown(), piece(std::string("a\0", 2))})),
              HasSubstr("piece 1: no valid UTF-8"));
  EXPECT_THAT(message_for(model_of({unknown(), piece("\xC0\xAF")})),
              HasSubstr("piece 1: no valid UTF-8"));
  EXPECT_THAT(message_for(model_of({unknown(), piece("a", nan)})), HasSubstr("piece 1: its score"));
  EXPECT_THAT(message_for(model_of({unknown(), piece("a", -infinity)})),
              HasSubstr("piece 1: its score"));
  EXPECT_THAT(message_for(model_of({unknown(), piece("a", 0, 7)})), HasSubstr("piece 1: type 7"));
  EXPECT_THAT(message_for(model_of({unknown(), piece("a"), piece("a")})),
              HasSubstr("piece 2: the same as piece 1"));
}

TEST(SentencePieceCheck, WantsExactlyOneUnknownPiece) {
  EXPECT_THAT(message_for(model_of({piece("a")})), HasSubstr("no piece of type unknown"));
  EXPECT_THAT(message_for(model_of({unknown(), piece("x", 0, 2)})),
              HasSubstr("second piece of type unknown"));
  EXPECT_THAT(message_for(model_of({})), HasSubstr("no pieces"));
}

TEST(SentencePieceCheck, RefusesUnknownModelTypes) {
  EXPECT_EQ(message_for(model_of({unknown()}, 2)), "");
  EXPECT_THAT(message_for(model_of({unknown()}, 9)), HasSubstr("model type 9"));
}

TEST(SentencePieceCheck, RefusesWhatIsNoModel) {
  EXPECT_THAT(message_for(""), HasSubstr("empty"));
  EXPECT_THAT(message_for("this is a text, not a model"), HasSubstr("model m: "));
  EXPECT_THAT(message_for(std::string(10'000, '\x0B')),
              HasSubstr("no sentencepiece model"));  // nested groups
  std::string wrong_wire_type;
  protozero::pbf_writer(wrong_wire_type).add_uint32(1, 7);
  EXPECT_THAT(message_for(wrong_wire_type), HasSubstr("wrong wire type"));
  EXPECT_THAT(message_for(std::string(kMaxModelBytes + 1, 'a')), HasSubstr("64 MiB"));
}

TEST(SentencePieceCheck, RefusesEveryTruncationInsideThePieces) {
  const std::string model = model_of({unknown(), piece("abc")});
  std::size_t refused = 0;
  for (std::size_t length = 0; length + 1 < model.size(); ++length) {
    refused += message_for(model.substr(0, length)).empty() ? 0 : 1;
  }
  // A cut exactly behind a complete field leaves a smaller sound model: after <unk>, abc and
  // trainer spec.
  EXPECT_EQ(refused, model.size() - 1 - 3);
}

TEST(SentencePieceCheck, RefusesBrokenCharacterMaps) {
  EXPECT_THAT(find_charsmap_fault("abc"), HasSubstr("shorter"));
  EXPECT_THAT(find_charsmap_fault("\xff\xff\xff\xff"
                                  "abcd"),
              HasSubstr("trie of 4294967295"));
  std::string trie("\x00\x04\x00\x00", 4);
  trie.resize(4 + 1024);
  trie += 'x';
  EXPECT_EQ(find_charsmap_fault(trie + '\0'), "");
  trie[6] = '\x7f';  // the root's offset now points far away
  EXPECT_THAT(find_charsmap_fault(trie), HasSubstr("outside the trie"));
}

TEST(SentencePieceCheck, PublishedModelLosesItsMapOnlyToRefusal) {
  const std::string model = published_model();
  const SentencePieceModelInfo info = check_sentencepiece_model(model, "m");
  EXPECT_EQ(info.pieces.size(), 16000U);
  EXPECT_THAT(message_for(model.substr(0, model.size() / 2)), HasSubstr("no sentencepiece model"));
}

}  // namespace
}  // namespace lambert
