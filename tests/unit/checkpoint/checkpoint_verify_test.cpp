// SPDX-License-Identifier: Apache-2.0
#include <fstream>

#include <ATen/ops/zeros.h>
#include <gtest/gtest.h>

#include "base/counter_rng.h"
#include "base/error.h"
#include "support/temp_directory.h"
#include "support/tiny_checkpoint.h"

namespace lambert {
namespace {

namespace fs = std::filesystem;

class CheckpointVerify : public testing::Test {
 protected:
  CheckpointVerify() { path_ = CheckpointStore(*disk_, folder_.path()).save(tiny_checkpoint(10)); }

  std::string problem() const { return verify_checkpoint(path_, nullptr); }
  void flip_bit(const fs::path& file, std::uint64_t bit) {
    std::fstream stream(file, std::ios::in | std::ios::out | std::ios::binary);
    stream.seekg(static_cast<std::streamoff>(bit / 8));
    const int byte = stream.get();
    stream.seekp(static_cast<std::streamoff>(bit / 8));
    stream.put(static_cast<char>(byte ^ (1 << (bit % 8))));
  }

  TempDirectory folder_;
  std::unique_ptr<FileSystem> disk_ = make_posix_file_system();
  fs::path path_;
};

TEST_F(CheckpointVerify, AcceptsWhatWasSaved) {
  TrainState state;
  EXPECT_EQ(verify_checkpoint(path_, &state), "");
  EXPECT_EQ(state.global_step, 10);
  EXPECT_EQ(verify_checkpoint(path_ / "", nullptr), "");  // trailing slash
}

TEST_F(CheckpointVerify, SeesAFlippedBitInAnyFile) {
  CounterStream random(philox_key(5, RandomPurpose::masking), 0, 0);
  std::vector<fs::path> files;
  for (const fs::directory_entry& entry : fs::directory_iterator(path_)) {
    files.push_back(entry.path());
  }
  for (int trial = 0; trial < 200; ++trial) {
    const fs::path& file = files[random.below(static_cast<std::uint32_t>(files.size()))];
    const std::uint64_t bit = random.below(static_cast<std::uint32_t>(fs::file_size(file) * 8));
    flip_bit(file, bit);
    // In the manifest a flipped bit may hit a blank or a field that is for information only.
    if (file.filename() != "manifest.json") {
      ASSERT_NE(problem().find(file.filename().string()), std::string::npos) << file << " " << bit;
    }
    flip_bit(file, bit);
    ASSERT_EQ(problem(), "");
  }
}

TEST_F(CheckpointVerify, NamesMissingTruncatedEmptyAndForeignFiles) {
  fs::resize_file(path_ / "optimizer.safetensors", 100);
  EXPECT_NE(problem().find("optimizer.safetensors has 100 bytes"), std::string::npos);
  fs::remove(path_ / "optimizer.safetensors");
  EXPECT_NE(problem().find("optimizer.safetensors is missing"), std::string::npos);
  std::ofstream(path_ / "extra.bin") << "x";
  EXPECT_NE(problem().find("extra.bin is not listed"), std::string::npos);
  fs::remove(path_ / "manifest.json");
  EXPECT_NE(problem().find("no manifest.json"), std::string::npos);
}

TEST_F(CheckpointVerify, RefusesLinksAndRenamedFolders) {
  fs::rename(path_ / "config.json", folder_ / "elsewhere.json");
  fs::create_symlink(folder_ / "elsewhere.json", path_ / "config.json");
  EXPECT_NE(problem().find("not a regular file"), std::string::npos);
  fs::remove(path_ / "config.json");
  fs::rename(folder_ / "elsewhere.json", path_ / "config.json");
  ASSERT_EQ(problem(), "");
  const fs::path other = folder_ / "checkpoint-00000011";
  fs::rename(path_, other);
  EXPECT_NE(verify_checkpoint(other, nullptr).find("step 10"), std::string::npos);
}

TEST_F(CheckpointVerify, SeesSwappedFiles) {
  fs::rename(path_ / "model.safetensors", path_ / "swap");
  fs::rename(path_ / "optimizer.safetensors", path_ / "model.safetensors");
  fs::rename(path_ / "swap", path_ / "optimizer.safetensors");
  EXPECT_NE(problem(), "");
}

TEST_F(CheckpointVerify, LoadFillsTheTensorsInPlace) {
  CheckpointContent content = tiny_checkpoint(0);
  const void* const memory = content.model[0].tensor.const_data_ptr();
  load_checkpoint(path_, content);
  EXPECT_TRUE(is_tiny_checkpoint(content, 10));
  EXPECT_EQ(content.model[0].tensor.const_data_ptr(), memory);
}

TEST_F(CheckpointVerify, LoadListsWhatDiffers) {
  const auto refusal = [&](CheckpointContent& content) -> std::string {
    try {
      load_checkpoint(path_, content);
    } catch (const CheckpointError& error) {
      return error.what();
    }
    return "loaded";
  };
  CheckpointContent other_model = tiny_checkpoint(0);
  other_model.model_config.hidden_size = 8;
  other_model.cased = true;
  other_model.vocabulary_hash = "another";
  const std::string message = refusal(other_model);
  EXPECT_NE(message.find("hidden_size: 4 in the checkpoint, 8 now"), std::string::npos) << message;
  EXPECT_NE(message.find("cased"), std::string::npos);
  EXPECT_NE(message.find("vocabulary hash"), std::string::npos);

  CheckpointContent other_tensors = tiny_checkpoint(0);
  other_tensors.model[0].tensor = at::zeros({5, 5});
  other_tensors.model[1].name = "cls.predictions.bais";
  const std::string tensors = refusal(other_tensors);
  EXPECT_NE(tensors.find("missing tensors: cls.predictions.bais"), std::string::npos) << tensors;
  EXPECT_NE(tensors.find("unknown tensors: cls.predictions.bias"), std::string::npos);
  EXPECT_NE(tensors.find("(5, 4) in the checkpoint, (5, 5) now"), std::string::npos);
}

TEST_F(CheckpointVerify, LoadRefusesValuesThatAreNotFinite) {
  CheckpointContent bad = tiny_checkpoint(20);
  bad.optimizer[1].tensor[0][0] = std::numeric_limits<float>::quiet_NaN();
  const fs::path saved = CheckpointStore(*disk_, folder_.path()).save(bad);
  CheckpointContent content = tiny_checkpoint(0);
  EXPECT_THROW(load_checkpoint(saved, content), CheckpointError);
}

}  // namespace
}  // namespace lambert
