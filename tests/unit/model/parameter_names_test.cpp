// SPDX-License-Identifier: Apache-2.0
#include "model/parameter_names.h"

#include <set>

#include <gtest/gtest.h>

#include "model/bert_for_pretraining.h"

namespace lambert {
namespace {

ModelConfig bert_large() {
  ModelConfig config;
  config.vocab_size = 30522;
  config.hidden_size = 1024;
  config.num_hidden_layers = 24;
  config.num_attention_heads = 16;
  config.intermediate_size = 4096;
  return config;
}

TEST(ParameterNames, BertLargeHasThePublishedParameterCount) {
  EXPECT_EQ(count_parameters(bert_large()), 336'226'108);
}

TEST(ParameterNames, BertLargeHas398TensorsWithDifferentNames) {
  std::set<std::string> names;
  for (const ParameterShape& parameter : pretraining_parameter_shapes(bert_large())) {
    names.insert(parameter.name);
  }
  EXPECT_EQ(pretraining_parameter_shapes(bert_large()).size(), 398U);
  EXPECT_EQ(names.size(), 398U);
}

TEST(ParameterNames, TheDecoderWeightIsNotListedBecauseItIsTied) {
  for (const ParameterShape& parameter : pretraining_parameter_shapes(bert_large())) {
    EXPECT_EQ(parameter.name.find("cls.predictions.decoder"), std::string::npos);
  }
}

TEST(ParameterNames, LinearWeightsAreOutByIn) {
  for (const ParameterShape& parameter : pretraining_parameter_shapes(bert_large())) {
    if (parameter.name == "bert.encoder.layer.23.intermediate.dense.weight") {
      EXPECT_EQ(parameter.shape, (std::vector<std::int64_t>{4096, 1024}));
      return;
    }
  }
  FAIL() << "no such tensor";
}

}  // namespace
}  // namespace lambert
