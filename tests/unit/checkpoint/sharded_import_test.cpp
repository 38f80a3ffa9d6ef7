// SPDX-License-Identifier: Apache-2.0
// Models in several files with an index.
#include <gmock/gmock.h>

#include "unit/checkpoint/model_folder.h"

namespace lambert {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

constexpr const char* kWords = "bert.embeddings.word_embeddings.weight";

/// Two shards and their index; the index may be changed and written again.
class ShardedFolder : public ModelFolder {
 public:
  ShardedFolder() {
    std::filesystem::remove(path() / "model.safetensors");
    const TensorsByName encoder = without(tensors, "cls.");
    TensorsByName heads = tensors;
    std::erase_if(heads, [](const auto& entry) { return !entry.first.starts_with("cls."); });
    write_shard("one.safetensors", encoder);
    write_shard("two.safetensors", heads);
    write_index();
  }
  void write_shard(const std::string& file, const TensorsByName& shard) {
    write_tensors(path() / file, shard);
    for (const auto& [name, tensor] : shard) {
      index["weight_map"][name] = file;
    }
  }
  void write_index() const { write_file(path() / "model.safetensors.index.json", index.dump()); }
  std::string refusal() const { return import_refusal(path()); }

  const TensorsByName tensors = pretraining_tensors();
  nlohmann::json index = {{"metadata", {{"total_size", 1}}}};
};

TEST(ShardedImport, LoadsTheTensorsOfEveryFile) {
  const ShardedFolder folder;
  expect_same(import(folder), folder.tensors);
}

TEST(ShardedImport, RefusesAMissingFile) {
  const ShardedFolder folder;
  std::filesystem::remove(folder.path() / "two.safetensors");
  EXPECT_THAT(folder.refusal(), HasSubstr("its file two.safetensors is missing"));
}

TEST(ShardedImport, RefusesATensorInTwoFiles) {
  ShardedFolder folder;
  const std::string name = "bert.embeddings.LayerNorm.bias";
  write_tensors(folder.path() / "three.safetensors",
                {{name, at::zeros({8})}, {"classifier.bias", at::zeros({3})}});
  folder.index["weight_map"]["classifier.bias"] = "three.safetensors";
  folder.write_index();
  EXPECT_THAT(folder.refusal(), HasSubstr("'" + name + "'"));
}

TEST(ShardedImport, RefusesFilesOutsideTheFolder) {
  for (const char* file :
       {"../one.safetensors", "/etc/one.safetensors", "sub/one.safetensors", "..", "", "one.bin"}) {
    ShardedFolder folder;
    folder.index["weight_map"][kWords] = file;
    folder.write_index();
    EXPECT_THAT(folder.refusal(), HasSubstr("not a safetensors file of the folder")) << file;
  }
}

TEST(ShardedImport, RefusesATensorThatIsNotInItsFile) {
  ShardedFolder folder;
  folder.index["weight_map"]["classifier.bias"] = "two.safetensors";
  folder.write_index();
  EXPECT_THAT(folder.refusal(), HasSubstr("'classifier.bias' is not in two.safetensors"));
}

TEST(ShardedImport, RefusesATensorThatTheIndexDoesNotName) {
  ShardedFolder folder;
  folder.index["weight_map"].erase(kWords);
  folder.write_index();
  EXPECT_THAT(folder.refusal(), HasSubstr("the index says otherwise"));
}

TEST(ShardedImport, RefusesAnIndexThatIsNone) {
  const ShardedFolder folder;
  for (const char* text : {"", "[]", "{}", R"({"weight_map": []})", R"({"weight_map": {"a": 1}})",
                           R"({"weight_map": {"a": "x", "a": "x"}})"}) {
    write_file(folder.path() / "model.safetensors.index.json", text);
    EXPECT_THAT(folder.refusal(), HasSubstr("model.safetensors.index.json")) << text;
  }
}

TEST(ShardedImport, RefusesAnIndexOfNothing) {
  ShardedFolder folder;
  folder.index["weight_map"] = nlohmann::json::object();
  folder.write_index();
  EXPECT_THAT(folder.refusal(), HasSubstr("missing tensors"));
}

}  // namespace
}  // namespace lambert
