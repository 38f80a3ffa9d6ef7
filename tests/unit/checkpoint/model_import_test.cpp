// SPDX-License-Identifier: Apache-2.0
// Which folders are imported, what becomes of every tensor, and which are refused (exit code 3).
#include "checkpoint/model_import.h"

#include <limits>

#include <ATen/ops/arange.h>
#include <ATen/ops/ones.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "unit/checkpoint/model_folder.h"

namespace lambert {
namespace {

using testing::AllOf;
using testing::Contains;
using testing::Each;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::StartsWith;

constexpr const char* kWords = "bert.embeddings.word_embeddings.weight";
constexpr const char* kDecoder = "cls.predictions.decoder.weight";
constexpr const char* kQuery = "bert.encoder.layer.1.attention.self.query.weight";

TensorsByName renamed(const TensorsByName& tensors, const std::string& from,
                      const std::string& to) {
  TensorsByName result;
  for (const auto& [name, tensor] : tensors) {
    const std::size_t at = name.find(from);
    result[at == std::string::npos ? name : std::string(name).replace(at, from.size(), to)] =
        tensor;
  }
  return result;
}

TEST(ModelImport, LoadsEveryTensorUnderItsOwnName) {
  const TensorsByName tensors = pretraining_tensors();
  ImportReport report;
  expect_same(import(ModelFolder(tensors), &report), tensors);
  EXPECT_EQ(report.loaded.size(), tensors.size());
  EXPECT_THAT(report.initialised, IsEmpty());
  EXPECT_THAT(report.ignored, IsEmpty());
}

TEST(ModelImport, LoadsNamesWithoutThePrefix) {
  const TensorsByName tensors = pretraining_tensors();
  expect_same(import(ModelFolder(renamed(tensors, "bert.", ""))), tensors);
}

TEST(ModelImport, LoadsGammaAndBetaAsWeightAndBias) {
  const TensorsByName tensors = pretraining_tensors();
  const TensorsByName old = renamed(renamed(tensors, "LayerNorm.weight", "LayerNorm.gamma"),
                                    "LayerNorm.bias", "LayerNorm.beta");
  EXPECT_TRUE(old.contains("bert.encoder.layer.0.output.LayerNorm.gamma"));
  expect_same(import(ModelFolder(old)), tensors);
}

TEST(ModelImport, ListsAMissingPoolerAsInitialised) {
  ImportReport report;
  const TensorsByName tensors = without(pretraining_tensors(), "bert.pooler.");
  const TensorsByName found = import(ModelFolder(tensors), &report);
  expect_same(found, tensors);
  EXPECT_THAT(report.initialised,
              ElementsAre("bert.pooler.dense.weight", "bert.pooler.dense.bias"));
  EXPECT_TRUE(at::equal(found.at("bert.pooler.dense.weight"), at::zeros({8, 8})));
}

TEST(ModelImport, ListsMissingHeadsAsInitialised) {
  ImportReport report;
  import(ModelFolder(without(pretraining_tensors(), "cls.")), &report);
  EXPECT_THAT(report.initialised,
              AllOf(Contains("cls.predictions.bias"), Contains("cls.seq_relationship.weight"),
                    Each(StartsWith("cls."))));
}

TEST(ModelImport, ListsHeadsOfOtherModelsAsIgnored) {
  TensorsByName tensors = pretraining_tensors();
  tensors["qa_outputs.weight"] = at::randn({2, 8});
  tensors["classifier.bias"] = at::randn({3});
  ImportReport report;
  import(ModelFolder(tensors), &report);
  EXPECT_THAT(report.ignored, ElementsAre("classifier.bias", "qa_outputs.weight"));
}

TEST(ModelImport, IgnoresTablesOfPositions) {
  TensorsByName tensors = pretraining_tensors();
  tensors["embeddings.position_ids"] = at::arange(6).unsqueeze(0);
  tensors["bert.embeddings.token_type_ids"] = at::zeros({1, 6}, at::kLong);
  ImportReport report;
  import(ModelFolder(tensors), &report);
  EXPECT_THAT(report.ignored,
              ElementsAre("embeddings.position_ids", "bert.embeddings.token_type_ids"));
}

TEST(ModelImport, WidensHalfPrecisionExactly) {
  for (const at::ScalarType type : {at::kHalf, at::kBFloat16}) {
    TensorsByName stored = pretraining_tensors();
    TensorsByName expected;
    for (auto& [name, tensor] : stored) {
      tensor = tensor.to(type);
      expected[name] = tensor.to(at::kFloat);
    }
    expect_same(import(ModelFolder(stored)), expected);
  }
}

TEST(ModelImport, RefusesWeightsOfWholeNumbers) {
  TensorsByName tensors = pretraining_tensors();
  tensors[kQuery] = at::ones({8, 8}, at::kInt);
  EXPECT_THAT(import_refusal(ModelFolder(tensors).path()),
              HasSubstr(std::string(kQuery) + " I32 (8, 8) instead of (8, 8)"));
}

TEST(ModelImport, NamesEveryMissingUnknownAndMisshapenTensorInOneMessage) {
  TensorsByName tensors = renamed(pretraining_tensors(), kQuery, "bert.encoder.layer.1.query");
  tensors.erase("bert.embeddings.LayerNorm.bias");
  tensors["bert.encoder.layer.2.output.dense.bias"] = at::zeros({8});
  tensors[kWords] = at::randn({12, 8});
  EXPECT_THAT(import_refusal(ModelFolder(tensors).path()),
              AllOf(HasSubstr("missing tensors: bert.embeddings.LayerNorm.bias, " +
                              std::string(kQuery) + ". of another shape"),
                    HasSubstr(std::string(kWords) + " F32 (12, 8) instead of (11, 8)"),
                    HasSubstr("unknown tensors: bert.encoder.layer.1.query, "
                              "bert.encoder.layer.2.output.dense.bias; give a BERT")));
}

TEST(ModelImport, RefusesAHeadOfAnotherShape) {
  TensorsByName tensors = pretraining_tensors();
  tensors["cls.seq_relationship.weight"] = at::randn({3, 8});
  EXPECT_THAT(import_refusal(ModelFolder(tensors).path()),
              HasSubstr("cls.seq_relationship.weight F32 (3, 8) instead of (2, 8)"));
}

TEST(ModelImport, CutsALongListOfNames) {
  EXPECT_THAT(import_refusal(ModelFolder(without(pretraining_tensors(), "bert.")).path()),
              HasSubstr(" and 17 more; give"));
}

TEST(ModelImport, AcceptsTiedWeightsStoredTwice) {
  TensorsByName tensors = pretraining_tensors();
  tensors[kDecoder] = tensors[kWords].clone();
  tensors["cls.predictions.decoder.bias"] = tensors["cls.predictions.bias"].clone();
  EXPECT_EQ(import_refusal(ModelFolder(tensors).path()), "imported");
}

TEST(ModelImport, RefusesTiedWeightsThatDiffer) {
  for (const auto& [copy, original] :
       {std::pair{kDecoder, kWords}, {"cls.predictions.decoder.bias", "cls.predictions.bias"}}) {
    TensorsByName tensors = pretraining_tensors();
    tensors[copy] = tensors[original].clone();
    tensors[copy].view({-1})[3] += 1;
    EXPECT_THAT(import_refusal(ModelFolder(tensors).path()),
                HasSubstr(std::string(copy) + " differs from " + original));
  }
}

TEST(ModelImport, TakesATiedWeightFromTheOnlyNameThatIsStored) {
  const TensorsByName tensors = pretraining_tensors();
  const TensorsByName other_names = renamed(renamed(tensors, kWords, kDecoder),
                                            "cls.predictions.bias", "cls.predictions.decoder.bias");
  ImportReport report;
  expect_same(import(ModelFolder(other_names), &report), tensors);
  EXPECT_THAT(report.initialised, IsEmpty());
}

TEST(ModelImport, RefusesASeparateDecoderThatIsNotThere) {
  ModelFolder folder;
  folder.config["tie_word_embeddings"] = false;
  folder.write_config();
  EXPECT_THAT(import_refusal(folder.path()), HasSubstr("'tie_word_embeddings' is false"));
}

TEST(ModelImport, AcceptsUntiedWordEmbeddingsWhereThereIsNoDecoder) {
  ModelFolder folder(without(pretraining_tensors(), "cls."));
  folder.config["tie_word_embeddings"] = false;
  folder.write_config();
  EXPECT_EQ(import_refusal(folder.path()), "imported");
}

TEST(ModelImport, RefusesTheSameTensorUnderTwoNames) {
  TensorsByName tensors = pretraining_tensors();
  tensors["embeddings.word_embeddings.weight"] = tensors[kWords];
  EXPECT_THAT(import_refusal(ModelFolder(tensors).path()), HasSubstr("are the same tensor"));
}

TEST(ModelImport, RefusesValuesThatAreNotFinite) {
  for (const double value :
       {std::numeric_limits<double>::quiet_NaN(), std::numeric_limits<double>::infinity()}) {
    TensorsByName tensors = pretraining_tensors();
    tensors[kQuery][7][7] = value;
    EXPECT_THAT(import_refusal(ModelFolder(tensors).path()),
                HasSubstr("'" + std::string(kQuery) + "' holds a value that is not finite"));
  }
}

TEST(ModelImport, RefusesEverySettingThatChangesTheResult) {
  const std::pair<const char*, nlohmann::json> settings[] = {
      {"model_type", "roberta"},
      {"model_type", nullptr},
      {"position_embedding_type", "relative_key"},
      {"position_embedding_type", "relative_key_query"},
      {"is_decoder", true},
      {"add_cross_attention", true},
      {"pruned_heads", {{"1", {0}}}},
      {"quantization_config", {{"bits", 4}}},
      {"hidden_act", "relu"},
      {"hidden_act", "gelu_fast"},
      {"hidden_act", "silu"}};
  for (const auto& [name, value] : settings) {
    ModelFolder folder;
    folder.config[name] = value;
    folder.write_config();
    EXPECT_THAT(import_refusal(folder.path()),
                AllOf(HasSubstr("config.json"), HasSubstr("'" + std::string(name) + "'")))
        << value;
  }
}

TEST(ModelImport, AcceptsTheseSettingsAtTheirPlainValues) {
  ModelFolder folder;
  folder.config["position_embedding_type"] = "absolute";
  folder.config["is_decoder"] = false;
  folder.config["add_cross_attention"] = false;
  folder.config["pruned_heads"] = nlohmann::json::object();
  folder.config["quantization_config"] = nullptr;
  folder.config["tie_word_embeddings"] = true;
  folder.config["chunk_size_feed_forward"] = 0;
  folder.write_config();
  EXPECT_EQ(import_refusal(folder.path()), "imported");
}

TEST(ModelImport, RefusesSizesThatNoModelHas) {
  const std::pair<const char*, nlohmann::json> sizes[] = {
      {"vocab_size", 0},          {"hidden_size", 0},
      {"hidden_size", 1U << 31U}, {"num_hidden_layers", 1'000'000'000'000},
      {"num_attention_heads", 0}, {"num_attention_heads", 3},
      {"intermediate_size", -1},  {"max_position_embeddings", 1.5},
      {"type_vocab_size", 1},     {"layer_norm_eps", 0.0},
      {"hidden_size", "8"},       {"hidden_dropout_prob", 1.0}};
  for (const auto& [name, value] : sizes) {
    ModelFolder folder;
    folder.config[name] = value;
    folder.write_config();
    EXPECT_THAT(import_refusal(folder.path()), HasSubstr("'" + std::string(name) + "'")) << value;
  }
}

TEST(ModelImport, RefusesAConfigThatLacksAKey) {
  for (const char* name : {"model_type", "vocab_size", "hidden_act", "layer_norm_eps"}) {
    ModelFolder folder;
    folder.config.erase(name);
    folder.write_config();
    EXPECT_THAT(import_refusal(folder.path()), HasSubstr("'" + std::string(name) + "' is missing"));
  }
}

TEST(ModelImport, RefusesAFileThatIsNoConfig) {
  const ModelFolder folder;
  for (const char* text : {"", "[]", "{", "{\"model_type\": \"bert\", \"model_type\": \"bert\"}"}) {
    write_file(folder.path() / "config.json", text);
    EXPECT_THAT(import_refusal(folder.path()), HasSubstr("config.json")) << text;
  }
  std::filesystem::remove(folder.path() / "config.json");
  EXPECT_THAT(import_refusal(folder.path()), HasSubstr("config.json"));
}

TEST(ModelImport, RefusesAFolderWithoutSafetensors) {
  const ModelFolder folder;
  std::filesystem::rename(folder.path() / "model.safetensors", folder.path() / "pytorch_model.bin");
  EXPECT_THAT(import_refusal(folder.path()),
              AllOf(HasSubstr("neither model.safetensors nor"), HasSubstr("save_pretrained")));
}

TEST(ModelImport, RefusesADamagedFileByItsName) {
  const ModelFolder folder;
  std::filesystem::resize_file(folder.path() / "model.safetensors", 5000);
  EXPECT_THAT(import_refusal(folder.path()), HasSubstr("model.safetensors: "));
}

TEST(FindModelFolder, RefusesAPathWithoutAModel) {
  const auto disk = make_posix_file_system();
  const TempDirectory empty;
  for (const std::string& path :
       {(empty / "nowhere").string(), empty.path().string(), std::string(10'000, 'x')}) {
    try {
      find_model_folder(*disk, path);
      FAIL() << path;
    } catch (const DataError& error) {
      EXPECT_THAT(error.what(), HasSubstr("give a model folder, a checkpoint or a run directory"));
    }
  }
}

}  // namespace
}  // namespace lambert
