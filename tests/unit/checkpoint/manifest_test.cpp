// SPDX-License-Identifier: Apache-2.0
#include "checkpoint/manifest.h"

#include <gtest/gtest.h>

#include "base/error.h"
#include "checkpoint/hugging_face_config.h"

namespace lambert {
namespace {

Manifest some_manifest() {
  Manifest manifest;
  manifest.state = {40, 1, 20, 320, 40, 2};
  manifest.rank_count = 4;
  manifest.vocabulary_hash = "abc";
  for (const char* name :
       {kModelFile, kOptimizerFile, kModelConfigFile, kRunConfigFile, kTrainStateFile}) {
    manifest.files.push_back({name, 12, "00112233445566778899aabbccddeeff"});
  }
  return manifest;
}

std::string with(const std::string& from, const std::string& to) {
  std::string text = write_manifest(some_manifest());
  const std::size_t place = text.find(from);
  EXPECT_NE(place, std::string::npos) << from;
  return text.replace(place, from.size(), to);
}

TEST(Manifest, ReadsWhatItWrites) {
  const Manifest read = parse_manifest(write_manifest(some_manifest()));
  EXPECT_EQ(read.state, some_manifest().state);
  EXPECT_EQ(read.files.size(), 5U);
  EXPECT_EQ(read.files[1].name, kOptimizerFile);
  EXPECT_EQ(write_manifest(read), write_manifest(some_manifest()));
}

TEST(Manifest, KeepsTheLossScaleOfARunThatHasOne) {
  const std::string without = write_train_state(some_manifest().state);
  EXPECT_EQ(without.find("loss_scale"), std::string::npos) << "as before there was loss scaling";
  EXPECT_EQ(parse_train_state(without).loss_scale, 0.0);
  TrainState state = some_manifest().state;
  for (const double scale : {65536.0, 0.1, 0x1p64, 3.0000000000000004}) {
    state.loss_scale = scale;
    state.finite_steps = 7;
    EXPECT_EQ(parse_train_state(write_train_state(state)), state);
  }
}

TEST(Manifest, RefusesAnImpossibleLossScale) {
  const std::string end = "\"skipped_steps\": 2";
  EXPECT_NO_THROW(parse_manifest(with(end, end + ", \"loss_scale\": 2, \"finite_steps\": 1")));
  for (const char* wrong :
       {"\"loss_scale\": 0.0, \"finite_steps\": 1", "\"loss_scale\": -2.0, \"finite_steps\": 1",
        "\"loss_scale\": \"2\", \"finite_steps\": 1", "\"loss_scale\": 2.0, \"finite_steps\": -1",
        "\"loss_scale\": 2.0, \"finite_steps\": 0.5", "\"loss_scale\": 2.0",
        "\"finite_steps\": 1"}) {
    EXPECT_THROW(parse_manifest(with(end, end + ", " + wrong)), DataError) << wrong;
  }
}

TEST(Manifest, RefusesNamesThatLeaveTheFolder) {
  for (const char* name : {"../model.safetensors", "/etc/passwd", "..", ".", "", "a/b", "a\\\\b"}) {
    EXPECT_THROW(parse_manifest(with("\"model.safetensors\"", "\"" + std::string(name) + "\"")),
                 DataError)
        << name;
  }
}

TEST(Manifest, RefusesNamesThatDifferInCaseOnly) {
  EXPECT_THROW(parse_manifest(with("\"config.json\"", "\"MODEL.safetensors\"")), DataError);
  EXPECT_THROW(parse_manifest(with("\"config.json\"", "\"Manifest.json\"")), DataError);
}

TEST(Manifest, RefusesBadNumbersAndNames) {
  EXPECT_THROW(parse_manifest(with("\"global_step\": 40", "\"global_step\": \"40\"")), DataError);
  EXPECT_THROW(parse_manifest(with("\"global_step\": 40", "\"global_step\": -40")), DataError);
  EXPECT_THROW(parse_manifest(with("\"bytes\": 12", "\"bytes\": 18446744073709551616")), DataError);
  EXPECT_THROW(parse_manifest(with("\"bytes\": 12", "\"bytes\": 1.5")), DataError);
  EXPECT_THROW(
      parse_manifest(with("\"global_step\": 40", "\"global_step\": 40, \"global_step\": 41")),
      DataError);
  EXPECT_THROW(parse_manifest(with("\"rank_count\": 4,", "")), DataError);
  EXPECT_THROW(parse_manifest("{"), DataError);
  EXPECT_THROW(parse_manifest("[]"), DataError);
  EXPECT_THROW(parse_manifest(std::string(100000, '[')), DataError);
}

TEST(Manifest, RefusesAFutureFormatByItsNumber) {
  try {
    parse_manifest(with("\"format_version\": 1", "\"format_version\": 2"));
    FAIL();
  } catch (const DataError& error) {
    EXPECT_NE(std::string(error.what()).find("version 2"), std::string::npos);
  }
}

TEST(CheckpointName, HasEightDigitsAndComesBack) {
  EXPECT_EQ(checkpoint_name(40), "checkpoint-00000040");
  EXPECT_EQ(step_of_checkpoint_name("checkpoint-00000040"), 40);
  EXPECT_EQ(step_of_checkpoint_name(checkpoint_name(1234567890)), 1234567890);
  for (const char* other : {"checkpoint-40", "checkpoint-", "checkpoint-0000004x",
                            "checkpoint--0000040", "checkpoint-00000040.partial", "latest"}) {
    EXPECT_EQ(step_of_checkpoint_name(other), -1) << other;
  }
}

TEST(HuggingFaceConfig, ComesBackExactly) {
  ModelConfig config;
  config.vocab_size = 30522;
  config.hidden_act = Activation::gelu_new;
  config.hidden_dropout_prob = 0.1;
  config.layer_norm_eps = 1e-12;
  const std::string text = write_hugging_face_config(config, kPretrainingArchitecture, 0);
  EXPECT_NE(text.find("\"BertForPreTraining\""), std::string::npos);
  EXPECT_NE(text.find("\"dtype\": \"float32\""), std::string::npos);
  EXPECT_EQ(describe_model_differences(parse_hugging_face_config(text), config), "");
  ModelConfig other = config;
  other.hidden_size = 1024;
  EXPECT_EQ(describe_model_differences(config, other),
            "hidden_size: 768 in the checkpoint, 1024 now");
}

}  // namespace
}  // namespace lambert
