// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "text/document_reader.h"

namespace lambert {

struct VocabularyTraining {
  std::string type;  // "wordpiece", "unigram", "bpe"
  std::int64_t size =
      0;  // entries, special tokens included; a small text gives fewer, with a warning
  bool cased = false;
  std::filesystem::path output;   // folder, created when missing
  std::vector<std::string> text;  // files, folders, globs
  CorpusOptions corpus = {};
};

/// Writes output/vocab.txt with tokenizer_config.json (the casing), or output/spiece.model; equal
/// input gives equal bytes. Throws ConfigError for an impossible size or an output that already
/// holds a tokenizer, DataError for bad text, StorageError.
void train_vocabulary(const VocabularyTraining& training);

}  // namespace lambert
