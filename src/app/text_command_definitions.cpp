// SPDX-License-Identifier: Apache-2.0
#include "app/command_definitions.h"
#include "app/commands.h"

namespace lambert {
namespace {

void add_vocab(CLI::App& app, int& exit_code) {
  CLI::App* vocab = app.add_subcommand(
      "vocab",
      describe("Train a vocabulary",
               "lambert vocab train --type wordpiece --size 8000 --output my-vocab text/"));
  vocab->require_subcommand(1);
  CLI::App* train = vocab->add_subcommand(
      "train",
      describe("Train a WordPiece vocabulary or a sentencepiece model from text",
               "lambert vocab train --type wordpiece --size 8000 --output my-vocab text/*.txt"));
  auto options = std::make_shared<VocabTrainOptions>();
  train->add_option("--type", options->type, "kind of vocabulary")
      ->required()
      ->check(CLI::IsMember({"wordpiece", "unigram", "bpe"}));
  train->add_option("--size", options->size, "entries, special tokens included")->required();
  train->add_flag("--cased", options->cased, "keep case and accents");
  train->add_option("--output", options->output, "folder to create")->required();
  train
      ->add_option("--on-bad-text", options->on_bad_text,
                   "invalid UTF-8: end with exit code 3, or drop and count it")
      ->check(CLI::IsMember({"stop", "skip"}))
      ->capture_default_str();
  train->add_option("TEXT", options->text, "files, folders or globs")->required();
  train->callback([options, &exit_code] { exit_code = run_vocab_train(*options); });
}

void add_tokenize(CLI::App& app, int& exit_code) {
  CLI::App* command = app.add_subcommand(
      "tokenize", describe("Lines from standard input to lines of token ids",
                           "echo 'Hello, world' | lambert tokenize --tokenizer vocab.txt"));
  auto options = std::make_shared<TokenizeOptions>();
  command
      ->add_option("--tokenizer", options->tokenizer,
                   "vocab.txt, sentencepiece .model, or a folder with one")
      ->required();
  command->add_flag("--cased", options->cased, "the WordPiece vocabulary is cased");
  command->callback([options, &exit_code] { exit_code = run_tokenize(*options); });
}

void add_prepare(CLI::App& app, int& exit_code) {
  CLI::App* command = app.add_subcommand(
      "prepare",
      describe("Turn text into shards of training examples\n"
               "The same command again continues an interrupted run. Memory: about 100 MB per "
               "worker, however large the text.\n"
               "Exit codes: 2 wrong option or output folder, 3 missing or damaged text or "
               "tokenizer, 8 output cannot be written,\n"
               "9 another run prepares the same folder.",
               "lambert prepare --tokenizer vocab.txt --max-seq-length 128 --output data/seq128 "
               "text/"));
  auto options = std::make_shared<PrepareOptions>();
  command
      ->add_option("--tokenizer", options->tokenizer,
                   "vocab.txt, sentencepiece .model, or a folder with one")
      ->required();
  command->add_flag("--cased", options->cased, "the WordPiece vocabulary is cased");
  command
      ->add_option("--max-seq-length", options->max_seq_length,
                   "longest example in tokens, [CLS] and [SEP] included")
      ->required();
  command->add_option("--output", options->output, "folder to create")->required();
  command->add_option("--workers", options->workers, "threads of this rank; 0 = all cores")
      ->capture_default_str();
  command->add_option("--seed", options->seed, "seed of pairing and lengths")
      ->check([](const std::string& text) {
        // The parser would turn -1 into the largest seed.
        return text.starts_with('-') ? text + " is negative, give 0 or more" : std::string();
      })
      ->capture_default_str();
  command
      ->add_option("--duplicate-factor", options->duplicate_factor,
                   "passes over the corpus with other pairs")
      ->capture_default_str();
  command
      ->add_option("--short-sequence-probability", options->short_sequence_probability,
                   "share of shorter targets")
      ->capture_default_str();
  command
      ->add_option("--on-bad-text", options->on_bad_text,
                   "invalid UTF-8: end with exit code 3, or drop and count it")
      ->check(CLI::IsMember({"stop", "skip"}))
      ->capture_default_str();
  command->add_option("--max-line-megabytes", options->max_line_megabytes, "longest line accepted")
      ->capture_default_str();
  command
      ->add_option("TEXT", options->text,
                   "files, folders or globs: plain text, JSON lines; gzip, bzip2, xz, zstd")
      ->required();
  command->callback([options, &exit_code] { exit_code = run_prepare(*options); });
}

void add_data(CLI::App& app, int& exit_code) {
  CLI::App* data = app.add_subcommand(
      "data", describe("Look at prepared data", "lambert data stats data/seq128"));
  data->require_subcommand(1);
  const std::pair<const char*, std::string> actions[] = {
      {"inspect", describe("Print examples as text", "lambert data inspect data/seq128 --count 2")},
      {"stats", describe("Documents, sentences, examples, lengths, padding, unknown tokens, "
                         "next-sentence balance",
                         "lambert data stats data/seq128 --json")},
      {"verify", describe("Check every file of the folder: hashes, ranges, index (exit code 3 when "
                          "one is damaged)",
                          "lambert data verify data/seq128")}};
  for (const auto& [action, help] : actions) {
    auto options = std::make_shared<DataOptions>();
    options->action = action;
    CLI::App* command = data->add_subcommand(action, help);
    command->add_option("DIR", options->folder, "folder made by lambert prepare")->required();
    command->add_flag("--json", options->json, "machine-readable output");
    if (options->action == "inspect") {
      command->add_option("--count", options->count, "examples to show")->capture_default_str();
    }
    command->callback([options, &exit_code] { exit_code = run_data(*options); });
  }
}

}  // namespace

void add_text_commands(CLI::App& app, int& exit_code) {
  add_vocab(app, exit_code);
  add_tokenize(app, exit_code);
  add_prepare(app, exit_code);
  add_data(app, exit_code);
}

}  // namespace lambert
