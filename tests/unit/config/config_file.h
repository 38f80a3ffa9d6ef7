// SPDX-License-Identifier: Apache-2.0
// A configuration file for one test, and what the reader says about it.
#pragma once

#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "base/error.h"
#include "config/load_run_config.h"
#include "support/temp_directory.h"

namespace lambert {

/// Correct; every test breaks one thing in it. Line numbers matter to tests.
constexpr const char* kGoodConfig =
    "output_dir: runs/test\n"                              // 1
    "model: {hidden_size: 128, num_attention_heads: 2}\n"  // 2
    "phases:\n"                                            // 3
    "  - name: seq128\n"                                   // 4
    "    data: data/seq128\n"                              // 5
    "    max_seq_length: 128\n"                            // 6
    "    max_predictions_per_seq: 20\n"                    // 7
    "    global_train_batch_size: 64\n"                    // 8
    "    per_device_train_batch_size: 8\n"                 // 9
    "    max_steps: 100\n"                                 // 10
    "    learning_rate: 1.0e-3\n"                          // 11
    "    warmup_steps: 10\n";                              // 12

/// kGoodConfig with one piece replaced; the test fails when the piece is not there.
inline std::string good_config_with(const std::string& piece, const std::string& replacement) {
  std::string text = kGoodConfig;
  const std::size_t position = text.find(piece);
  EXPECT_NE(position, std::string::npos) << piece;
  return position == std::string::npos ? text : text.replace(position, piece.size(), replacement);
}

/// A file that is gone when the test ends.
class ConfigFile {
 public:
  explicit ConfigFile(const std::string& text) { std::ofstream(path(), std::ios::binary) << text; }
  std::filesystem::path path() const { return folder_ / "run.yaml"; }
  const std::filesystem::path& folder() const { return folder_.path(); }

 private:
  TempDirectory folder_;
};

inline RunConfig load_text(const std::string& text,
                           const std::vector<std::string>& overrides = {}) {
  const ConfigFile file(text);
  return load_run_config(file.path(), overrides);
}

/// The message of the ConfigError, "" when there is none; the temporary folder is left out of it.
inline std::string mistake_in(const std::string& text,
                              const std::vector<std::string>& overrides = {}) {
  const ConfigFile file(text);
  try {
    load_run_config(file.path(), overrides);
  } catch (const ConfigError& error) {
    std::string message = error.what();
    const std::string folder = file.folder().string() + "/";
    for (std::size_t at = message.find(folder); at != std::string::npos;
         at = message.find(folder)) {
      message.erase(at, folder.size());
    }
    return message;
  }
  return "";
}

}  // namespace lambert
