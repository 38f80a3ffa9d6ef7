// SPDX-License-Identifier: Apache-2.0
#include "text/train_vocabulary.h"

#include <memory>

#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/file_system.h"
#include "base/log.h"
#include "text/child_process.h"
#include "text/sentencepiece_check.h"
#include "text/sentencepiece_trainer.h"
#include "text/training_text.h"
#include "text/vocabulary.h"
#include "text/word_counter.h"
#include "text/wordpiece_trainer.h"

namespace lambert {
namespace {

constexpr const char* kVocabularyFile = "vocab.txt";
constexpr const char* kCasingFile = "tokenizer_config.json";
constexpr const char* kModelFile = "spiece.model";

void check_size(const VocabularyTraining& training) {
  constexpr std::int64_t kSmallestSize = 32;
  if (training.size < kSmallestSize ||
      training.size > static_cast<std::int64_t>(kMaxVocabularySize)) {
    throw ConfigError("training a vocabulary: --size " + std::to_string(training.size) +
                      " is impossible; take " + std::to_string(kSmallestSize) + " to " +
                      std::to_string(kMaxVocabularySize) + " (BERT has 30522)");
  }
}

void check_output(const std::filesystem::path& output) {
  for (const char* const name : {kVocabularyFile, kModelFile}) {
    if (std::filesystem::exists(output / name)) {
      throw ConfigError("training a vocabulary: --output " + output.string() + " already holds " +
                        name + "; choose another folder");
    }
  }
  if (std::filesystem::exists(output) && !std::filesystem::is_directory(output)) {
    throw ConfigError("training a vocabulary: --output " + output.string() +
                      " is no folder; choose another name");
  }
}

void warn_when_small(std::int64_t size, const VocabularyTraining& training) {
  if (size < training.size) {
    log_warning("vocabulary smaller than asked size=" + std::to_string(size) + " asked=" +
                std::to_string(training.size) + ": the text holds no more frequent pieces");
  }
}

std::string make_wordpiece(const VocabularyTraining& training) {
  WordCounter counter(training.cased);
  for_each_line(training.text, training.corpus,
                [&counter](std::string_view line) { counter.add_text(line); });
  if (counter.forgotten_count() > 0) {
    log_info("rare words forgotten to bound memory counted_up_to=" +
             std::to_string(counter.forgotten_count()));
  }
  const std::vector<std::string> tokens =
      train_wordpiece(counter.take_sorted(), {.size = training.size});
  warn_when_small(static_cast<std::int64_t>(tokens.size()), training);
  std::string content;
  for (const std::string& token : tokens) {
    content += token + '\n';
  }
  return content;
}

std::string make_sentencepiece(const VocabularyTraining& training) {
  std::string model = run_in_child_process(
      [&training] {
        LineSample sample;
        for_each_line(training.text, training.corpus,
                      [&sample](std::string_view line) { sample.add_line(line); });
        if (sample.lines().size() < sample.seen()) {
          log_info("text sampled to bound memory lines=" + std::to_string(sample.lines().size()) +
                   " of=" + std::to_string(sample.seen()));
        }
        return train_sentencepiece(sample, {training.type, training.size, training.cased});
      },
      "training a sentencepiece model");
  const SentencePieceModelInfo info = check_sentencepiece_model(model, "just trained");
  warn_when_small(static_cast<std::int64_t>(info.pieces.size()), training);
  return model;
}

void create_folder(FileSystem& files, const std::filesystem::path& folder) {
  if (folder.empty() || std::filesystem::is_directory(folder)) {
    return;
  }
  create_folder(files, folder.parent_path());
  files.create_directory(folder);
}

}  // namespace

void train_vocabulary(const VocabularyTraining& training) {
  check_size(training);
  check_output(training.output);
  const bool wordpiece = training.type == "wordpiece";
  const std::string content = wordpiece ? make_wordpiece(training) : make_sentencepiece(training);
  const std::unique_ptr<FileSystem> files = make_posix_file_system();
  create_folder(*files, training.output);
  if (wordpiece) {
    const nlohmann::json config = {{"do_lower_case", !training.cased}};
    files->write_file_atomically(training.output / kCasingFile, config.dump(2) + "\n");
  }
  const std::filesystem::path file = training.output / (wordpiece ? kVocabularyFile : kModelFile);
  files->write_file_atomically(file, content);
  log_info("vocabulary written file=" + file.string() + " bytes=" + std::to_string(content.size()));
}

}  // namespace lambert
