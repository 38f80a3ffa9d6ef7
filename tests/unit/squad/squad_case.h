// SPDX-License-Identifier: Apache-2.0
// Small SQuAD files for tests; every test breaks one thing in one.
#pragma once

#include <fstream>
#include <string>
#include <string_view>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "squad/squad_data.h"
#include "support/temp_directory.h"
#include "text/tokenizer.h"

namespace lambert {

/// Correct v1.1. Line numbers matter to tests.
constexpr const char* kGoodSquad =
    "{\"version\": \"1.1\",\n"                                           // 1
    " \"data\": [{\"title\": \"t\",\n"                                   // 2
    "  \"paragraphs\": [{\"context\": \"The sky is blue.\",\n"           // 3
    "   \"qas\": [\n"                                                    // 4
    "    {\"id\": \"q1\", \"question\": \"What is blue?\",\n"            // 5
    "     \"answers\": [{\"text\": \"sky\", \"answer_start\": 4}]},\n"   // 6
    "    {\"id\": \"q2\", \"question\": \"What colour?\",\n"             // 7
    "     \"answers\": [{\"text\": \"blue\", \"answer_start\": 11}]}\n"  // 8
    "   ]}]}]}\n";                                                       // 9

/// kGoodSquad with one piece replaced; the test fails when the piece is not there.
inline std::string good_squad_with(std::string_view piece, std::string_view replacement) {
  std::string text = kGoodSquad;
  const std::size_t position = text.find(piece);
  EXPECT_NE(position, std::string::npos) << piece;
  return position == std::string::npos ? text : text.replace(position, piece.size(), replacement);
}

/// The data of a file with this content.
inline SquadData squad_of(const std::string& text) {
  const TempDirectory folder;
  std::ofstream(folder / "case.json", std::ios::binary) << text;
  return read_squad(folder / "case.json");
}

/// One paragraph with its questions, as JSON.
inline std::string paragraph_of(const std::string& context, const nlohmann::json& questions) {
  const nlohmann::json paragraph = {{"context", context}, {"qas", questions}};
  return nlohmann::json{{"data", {{{"paragraphs", {paragraph}}}}}}.dump();
}

inline nlohmann::json question_of(const std::string& id, const std::string& question,
                                  const std::string& answer, std::int64_t start) {
  return {{"id", id},
          {"question", question},
          {"answers", {{{"text", answer}, {"answer_start", start}}}}};
}

/// The message of the DataError that a call throws; "" when it throws none.
template <class Call>
std::string data_error_of(const Call& call) {
  try {
    call();
  } catch (const DataError& error) {
    return error.what();
  }
  return "";
}

/// The message without the folder of the file.
inline std::string reading_error_of(const std::string& text) {
  std::string message = data_error_of([&text] { squad_of(text); });
  const std::size_t name = message.find("case.json");
  return name == std::string::npos ? message : message.substr(name);
}

inline std::unique_ptr<Tokenizer> uncased_tokenizer() {
  return load_tokenizer(LAMBERT_FIXTURES "/tokenizer/bert-base-uncased-vocab.txt", false);
}

inline std::unique_ptr<Tokenizer> sentencepiece_tokenizer() {
  return load_tokenizer(LAMBERT_FIXTURES "/tokenizer/sp-unigram-uncased-16k.model", false);
}

}  // namespace lambert
