// SPDX-License-Identifier: Apache-2.0
// Every command, option and help text. CLI11 is included here alone: it costs ten seconds a file.
#include "app/command_line.h"

#include <CLI/CLI.hpp>

#include "app/commands.h"
#include "base/error.h"
#include "base/log.h"

namespace lambert {
namespace {

constexpr const char* kVersion = "lambert 0.1.0";

const std::vector<std::string> kBadTextModes = {"stop", "skip"};

void add_vocab(CLI::App& app, int& exit_code) {
  CLI::App* vocab = app.add_subcommand("vocab", "Train a vocabulary");
  vocab->require_subcommand(1);
  CLI::App* train = vocab->add_subcommand(
      "train",
      "Train a WordPiece vocabulary or a sentencepiece model from text.\n"
      "Example: lambert vocab train --type wordpiece --size 8000 --output my-vocab text/*.txt");
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
      ->check(CLI::IsMember(kBadTextModes))
      ->capture_default_str();
  train->add_option("TEXT", options->text, "files, folders or globs")->required();
  train->callback([options, &exit_code] { exit_code = run_vocab_train(*options); });
}

void add_tokenize(CLI::App& app, int& exit_code) {
  CLI::App* command =
      app.add_subcommand("tokenize",
                         "Lines from standard input to lines of token ids.\n"
                         "Example: echo 'Hello, world' | lambert tokenize --tokenizer vocab.txt");
  auto options = std::make_shared<TokenizeOptions>();
  command
      ->add_option("--tokenizer", options->tokenizer,
                   "vocab.txt, sentencepiece .model, or a folder with one")
      ->required();
  command->add_flag("--cased", options->cased, "the WordPiece vocabulary is cased");
  command->callback([options, &exit_code] { exit_code = run_tokenize(*options); });
}

void add_prepare(CLI::App& app, int& exit_code) {
  CLI::App* command = app.add_subcommand("prepare",
                                         "Turn text into shards of training examples. The same "
                                         "command again continues an interrupted run.\n"
                                         "Example: lambert prepare --tokenizer vocab.txt "
                                         "--max-seq-length 128 --output data/seq128 text/");
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
      ->check(CLI::IsMember(kBadTextModes))
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
  CLI::App* data =
      app.add_subcommand("data", "Look at prepared data. Example: lambert data stats data/seq128");
  data->require_subcommand(1);
  const std::pair<const char*, const char*> actions[] = {
      {"inspect", "Print examples as text. Example: lambert data inspect data/seq128 --count 2"},
      {"stats",
       "Documents, sentences, examples, lengths, padding, unknown tokens, next-sentence balance"},
      {"verify", "Check every file of the folder: hashes, ranges, index"}};
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

void add_config_arguments(CLI::App& command, ConfigOptions& options) {
  command.add_option("CONFIG", options.config, "YAML file (configs/README.md lists every key)")
      ->required();
  command.add_option("OVERRIDES", options.overrides,
                     "key=value, for instance phases[0].learning_rate=4e-3");
}

void add_run_commands(CLI::App& app, int& exit_code) {
  CLI::App* check = app.add_subcommand(
      "check",
      "Everything train validates before its first step, plus batch arithmetic and memory.\n"
      "Example: lambert check configs/bert_large_64k.yaml --no-data --ranks 1024");
  auto check_options = std::make_shared<CheckOptions>();
  add_config_arguments(*check, *check_options);
  check->add_flag("--no-data", check_options->no_data, "leave out what needs the data folders");
  check->add_option("--ranks", check_options->ranks, "plan for this many ranks");
  check->add_flag("--json", check_options->json, "machine-readable output");
  check->callback([check_options, &exit_code] { exit_code = run_check(*check_options); });

  CLI::App* train = app.add_subcommand(
      "train",
      "Train. The same command again resumes. USR1: save and stop (exit code 75), USR2: save and "
      "go on.\n"
      "Example: mpirun -n 2 lambert train configs/bert_mini.yaml output_dir=runs/mini");
  auto train_options = std::make_shared<ConfigOptions>();
  add_config_arguments(*train, *train_options);
  train->callback([train_options, &exit_code] { exit_code = run_train(*train_options); });

  CLI::App* eval = app.add_subcommand(
      "eval",
      "Held-out loss and accuracy of a checkpoint. Example: lambert eval configs/bert_mini.yaml");
  auto eval_options = std::make_shared<EvalOptions>();
  add_config_arguments(*eval, *eval_options);
  eval->add_option("--checkpoint", eval_options->checkpoint,
                   "checkpoint folder; default: the newest of output_dir");
  eval->add_flag("--json", eval_options->json, "machine-readable output");
  eval->callback([eval_options, &exit_code] { exit_code = run_eval(*eval_options); });
}

void add_checkpoint_commands(CLI::App& app, int& exit_code) {
  CLI::App* exporting = app.add_subcommand("export", "Export weights");
  exporting->require_subcommand(1);
  CLI::App* hf =
      exporting->add_subcommand("hf",
                                "Write a folder that Hugging Face Transformers loads.\n"
                                "Example: lambert export hf runs/mini --output exported");
  auto export_options = std::make_shared<ExportOptions>();
  hf->add_option("CHECKPOINT", export_options->checkpoint,
                 "checkpoint folder, or a run directory (its newest one)")
      ->required();
  hf->add_option("--output", export_options->output, "folder to create")->required();
  hf->callback([export_options, &exit_code] { exit_code = run_export_hf(*export_options); });

  CLI::App* checkpoint = app.add_subcommand(
      "checkpoint", "Look at checkpoints. Example: lambert checkpoint list runs/mini");
  checkpoint->require_subcommand(1);
  const std::pair<const char*, const char*> actions[] = {
      {"list", "List the checkpoints of a run directory"},
      {"verify", "Check a checkpoint, or all of a run directory, by hash"}};
  for (const auto& [action, help] : actions) {
    auto options = std::make_shared<CheckpointOptions>();
    options->action = action;
    CLI::App* command = checkpoint->add_subcommand(action, help);
    command->add_option("DIR", options->folder, "run directory or checkpoint")->required();
    command->add_flag("--json", options->json, "machine-readable output");
    command->callback([options, &exit_code] { exit_code = run_checkpoint(*options); });
  }

  CLI::App* config = app.add_subcommand("config", "About the configuration");
  config->require_subcommand(1);
  config
      ->add_subcommand("reference", "Print every key with default and meaning (configs/README.md)")
      ->callback([&exit_code] { exit_code = run_config_reference(); });
}

}  // namespace

int run_command_line(int argument_count, char** arguments) {
  CLI::App app(
      "Lambert pretrains BERT with LAMB.\nExample: mpirun -n 2 lambert train "
      "configs/bert_mini.yaml");
  app.set_version_flag("--version", kVersion);
  app.require_subcommand(1);
  int exit_code = 0;
  add_vocab(app, exit_code);
  add_tokenize(app, exit_code);
  add_prepare(app, exit_code);
  add_data(app, exit_code);
  add_run_commands(app, exit_code);
  add_checkpoint_commands(app, exit_code);
  try {
    app.parse(argument_count, arguments);
  } catch (const CLI::ParseError& error) {
    const int usage_code = app.exit(error, std::cout, std::cerr);
    return usage_code == 0 ? 0 : static_cast<int>(ExitCode::config);
  }
  return exit_code;
}

}  // namespace lambert
