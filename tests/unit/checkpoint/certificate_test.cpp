// SPDX-License-Identifier: Apache-2.0
#include "checkpoint/certificate.h"

#include <fstream>
#include <functional>
#include <limits>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/file_system.h"
#include "base/hash.h"
#include "support/temp_directory.h"

namespace lambert {
namespace {

using testing::HasSubstr;

Certificate some_certificate() {
  Certificate certificate;
  certificate.architecture = "BertForPreTraining";
  certificate.files = {{"config.json", 12, std::string(64, 'a')}};
  certificate.mlm_token_ids = {0, 7};
  certificate.sequences = {
      {{2, 5, 3}, {0, 0, 1}, {1}, {{"mlm", {0.1F, -1e-40F}}, {"nsp", {1.0F / 3, 1e30F}}}}};
  return certificate;
}

void write_text(const std::filesystem::path& file, const std::string& text) {
  std::ofstream(file, std::ios::binary) << text;
}

/// The message with which the text is refused; its exit code is 3.
std::string refusal(const std::string& text) {
  const TempDirectory folder;
  write_text(folder / kCertificateFile, text);
  try {
    read_certificate(folder.path());
  } catch (const Error& error) {
    return error.code() == ExitCode::data ? error.what() : "another exit code";
  }
  return "accepted";
}

TEST(Certificate, ReturnsEveryNumberWithItsBits) {
  const TempDirectory folder;
  const Certificate written = some_certificate();
  write_text(folder / kCertificateFile, write_certificate(written));
  const Certificate read = read_certificate(folder.path());
  EXPECT_EQ(read.architecture, written.architecture);
  EXPECT_EQ(read.files[0].sha256, written.files[0].sha256);
  EXPECT_EQ(read.mlm_token_ids, written.mlm_token_ids);
  EXPECT_EQ(read.sequences[0].input_ids, written.sequences[0].input_ids);
  EXPECT_EQ(read.sequences[0].token_type_ids, written.sequences[0].token_type_ids);
  EXPECT_EQ(read.sequences[0].mlm_positions, written.sequences[0].mlm_positions);
  EXPECT_EQ(read.sequences[0].logits, written.sequences[0].logits);
}

TEST(Certificate, RefusesEveryFlippedBit) {
  const std::string text = write_certificate(some_certificate());
  for (std::size_t position = 0; position < text.size(); ++position) {
    std::string damaged = text;
    damaged[position] = static_cast<char>(damaged[position] ^ (1 << position % 8));
    EXPECT_THAT(refusal(damaged), HasSubstr("certificate.json: it does not end with the hash"))
        << position;
  }
}

/// A certificate with a change, which has its own hash again.
std::string changed(const std::function<void(nlohmann::json&)>& change) {
  nlohmann::json document = nlohmann::json::parse(write_certificate(some_certificate()));
  document.erase("self_sha256");
  change(document);
  std::string text = document.dump();
  text.back() = ',';
  text += "\n";
  const std::string hash = sha256_hex(std::as_bytes(std::span(text)));
  return text + "  \"self_sha256\": \"" + hash + "\"\n}\n";
}

TEST(Certificate, RefusesWrongFieldsAndNamesThem) {
  EXPECT_EQ(refusal(changed([](nlohmann::json&) {})), "accepted");
  const std::pair<std::string, std::function<void(nlohmann::json&)>> cases[] = {
      {"'format_version' is 2, known is 1", [](auto& json) { json["format_version"] = 2; }},
      {"'architecture' is missing", [](auto& json) { json.erase("architecture"); }},
      {"'files' is not a list", [](auto& json) { json["files"] = 1; }},
      {"'bytes' is not a whole number", [](auto& json) { json["files"][0]["bytes"] = -1; }},
      {"'sha256' is not a text", [](auto& json) { json["files"][0]["sha256"] = 1; }},
      {"certifies nothing", [](auto& json) { json["sequences"].clear(); }},
      {"'mlm_token_ids' holds -1", [](auto& json) { json["mlm_token_ids"][0] = -1; }},
      {"'input_ids' holds 2147483648",
       [](auto& json) { json["sequences"][0]["input_ids"][0] = 2147483648; }},
      {"do not fit each other",
       [](auto& json) { json["sequences"][0]["token_type_ids"].push_back(1); }},
      {"'logits' is missing", [](auto& json) { json["sequences"][0].erase("logits"); }},
      {"'nsp' holds null", [](auto& json) { json["sequences"][0]["logits"]["nsp"][0] = nullptr; }}};
  for (const auto& [message, change] : cases) {
    EXPECT_THAT(refusal(changed(change)), HasSubstr(message));
  }
}

TEST(Certificate, RefusesAFileThatIsNoCertificate) {
  for (const char* text : {"", "{}", "[]\n"}) {
    EXPECT_THAT(refusal(text), HasSubstr("certificate.json")) << text;
  }
}

}  // namespace
}  // namespace lambert
