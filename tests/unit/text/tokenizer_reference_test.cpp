// SPDX-License-Identifier: Apache-2.0
// Every recorded vector of tests/fixtures/tokenizer (README.md there) under every vocabulary.
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "text/tokenizer.h"
#include "text/unpacked_file.h"

namespace lambert {
namespace {

const std::string& fixture_folder() {
  static const std::string folder = std::string(LAMBERT_FIXTURES) + "/tokenizer/";
  return folder;
}

std::vector<nlohmann::json> read_vectors() {
  UnpackedFile file(fixture_folder() + "reference.jsonl.xz");
  std::string content;
  for (std::string_view piece = file.next_piece(); !piece.empty(); piece = file.next_piece()) {
    content += piece;
  }
  std::vector<nlohmann::json> vectors;
  std::istringstream lines(content);
  for (std::string line; std::getline(lines, line);) {
    vectors.push_back(nlohmann::json::parse(line));
  }
  return vectors;
}

std::string input_of(const nlohmann::json& vector) {
  if (vector.contains("text")) {
    return vector.at("text");
  }
  const std::string hex = vector.at("hex");
  std::string bytes;
  for (std::size_t i = 0; i < hex.size(); i += 2) {
    bytes.push_back(static_cast<char>(std::stoi(hex.substr(i, 2), nullptr, 16)));
  }
  return bytes;
}

struct ReferenceCase {
  const char* name;  // the key of the ids
  const char* file;
  bool cased;
  std::size_t count;
};

class TokenizerReference : public testing::TestWithParam<ReferenceCase> {};

TEST_P(TokenizerReference, GivesTheIdsOfTheOriginal) {
  const auto tokenizer = load_tokenizer(fixture_folder() + GetParam().file, GetParam().cased);
  std::size_t checked = 0;
  for (const nlohmann::json& vector : read_vectors()) {
    if (!vector.contains(GetParam().name)) {
      continue;
    }
    std::vector<std::int32_t> ids;
    tokenizer->encode(input_of(vector), ids);
    EXPECT_EQ(ids, vector.at(GetParam().name).get<std::vector<std::int32_t>>())
        << vector.at("set") << " " << vector.at("n");
    ++checked;
  }
  EXPECT_EQ(checked, GetParam().count);
}

INSTANTIATE_TEST_SUITE_P(
    All, TokenizerReference,
    testing::Values(ReferenceCase{"uncased", "bert-base-uncased-vocab.txt", false, 6427},
                    ReferenceCase{"cased", "bert-base-cased-vocab.txt", true, 6427},
                    ReferenceCase{"unigram_uncased_16k", "sp-unigram-uncased-16k.model", false,
                                  6162},
                    ReferenceCase{"bpe_cased_8k", "sp-bpe-cased-8k.model", false, 6162},
                    ReferenceCase{"test_model_1k", "sp-test-1k.model", false, 6162},
                    ReferenceCase{"albert_de_30k", "albert-de-30k.model", false, 6162}),
    [](const auto& instance) { return std::string(instance.param.name); });

}  // namespace
}  // namespace lambert
