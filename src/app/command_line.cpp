// SPDX-License-Identifier: Apache-2.0
// Every command, option and help text. CLI11 is included here alone: it costs ten seconds a file.
#include "app/command_line.h"

#include <CLI/CLI.hpp>

#include "app/commands.h"
#include "app/versions.h"
#include "base/error.h"
#include "config/nearest_name.h"

namespace lambert {
namespace {

// Before the example in every description.
constexpr const char* kExampleMark = "\nExample: ";

std::string describe(const std::string& meaning, const std::string& example) {
  return meaning + kExampleMark + example;
}

/// Help starts with the example; the list of commands leaves the examples out.
class HelpFormatter : public CLI::Formatter {
 public:
  std::string make_description(const CLI::App* app) const override {
    const std::string text = app->get_description();
    const std::size_t mark = text.find(kExampleMark);
    return mark == std::string::npos
               ? text + "\n\n"
               : text.substr(mark + 1) + "\n\n" + text.substr(0, mark) + "\n\n";
  }

  std::string make_subcommand(const CLI::App* app) const override {
    const std::string text = app->get_description();
    std::stringstream line;
    CLI::detail::format_help(line, app->get_display_name(true), text.substr(0, text.find('\n')),
                             get_column_width());
    return line.str();
  }
};

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

void add_config_arguments(CLI::App& command, ConfigOptions& options) {
  command.add_option("CONFIG", options.config, "YAML file (configs/README.md lists every key)")
      ->required();
  command.add_option("OVERRIDES", options.overrides,
                     "key=value, for instance phases[0].learning_rate=4e-3");
}

void add_verify_resume(CLI::App& app, int& exit_code) {
  CLI::App* command = app.add_subcommand(
      "verify-resume",
      describe("Prove on this machine or cluster that a restart changes nothing\n"
               "Trains 2 k steps, and again with a stop after k and a restart; compares weights, "
               "moments, counters, samples,\n"
               "masks, dropout, rates and losses. Equal bits are asked for, or 1e-3 where the "
               "number of ranks changes and\n"
               "communication.reduction is not reproducible. To cross the switch of phases: "
               "phases[0].max_steps=3.\n"
               "Exit codes: 0 nothing differs, 5 something does; else that of lambert train.",
               "lambert verify-resume configs/bert_mini.yaml --ranks 2 --restart-ranks 1"));
  auto options = std::make_shared<VerifyResumeOptions>();
  add_config_arguments(*command, *options);
  command->add_option("--steps", options->steps, "k, steps before and after the restart")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  command->add_option("--ranks", options->ranks, "ranks before the restart")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  command
      ->add_option("--restart-ranks", options->restart_ranks, "ranks after it; default: as before")
      ->check(CLI::PositiveNumber);
  command->add_option("--launcher", options->launcher,
                      "starts the ranks; default: 'mpirun -n {ranks}', nothing for one rank");
  command->add_option("--output", options->output,
                      "folder to create; default: output_dir with -verify-resume behind it");
  command->add_flag("--keep", options->keep, "keep the two runs also when nothing differs");
  command->add_flag("--json", options->json, "machine-readable output");
  command->callback([options, &exit_code] { exit_code = run_verify_resume(*options); });
}

void add_run_commands(CLI::App& app, int& exit_code) {
  CLI::App* check = app.add_subcommand(
      "check",
      describe(
          "Everything train validates before its first step, plus batch arithmetic and memory\n"
          "Exit codes: 2 wrong configuration, 3 missing or damaged data, 8 unusable output_dir.",
          "lambert check configs/bert_large_64k.yaml --no-data --ranks 1024"));
  auto check_options = std::make_shared<CheckOptions>();
  add_config_arguments(*check, *check_options);
  check->add_flag("--no-data", check_options->no_data, "leave out what needs the data folders");
  check->add_option("--ranks", check_options->ranks,
                    "plan for this many ranks (default: those of this launch)");
  check->add_flag("--json", check_options->json, "machine-readable output");
  check->callback([check_options, &exit_code] { exit_code = run_check(*check_options); });

  CLI::App* train = app.add_subcommand(
      "train",
      describe(
          "Train; the same command again resumes\n"
          "USR1: save and stop (exit code 75), USR2: save and go on. Exit codes: 2 wrong "
          "configuration, 3 data,\n"
          "4 no valid or no matching checkpoint, 5 divergence, 6 lost rank, 7 memory or device, "
          "8 full disk, 9 output_dir in use.",
          "mpirun -n 2 lambert train configs/bert_mini.yaml output_dir=runs/mini"));
  auto train_options = std::make_shared<ConfigOptions>();
  add_config_arguments(*train, *train_options);
  train->callback([train_options, &exit_code] { exit_code = run_train(*train_options); });

  add_verify_resume(app, exit_code);
  CLI::App* eval = app.add_subcommand("eval", describe("Held-out loss and accuracy of a checkpoint",
                                                       "lambert eval configs/bert_mini.yaml"));
  auto eval_options = std::make_shared<EvalOptions>();
  add_config_arguments(*eval, *eval_options);
  eval->add_option("--checkpoint", eval_options->checkpoint,
                   "checkpoint folder; default: the newest of output_dir");
  eval->add_flag("--json", eval_options->json, "machine-readable output");
  eval->callback([eval_options, &exit_code] { exit_code = run_eval(*eval_options); });
}

void add_inspect(CLI::App& app, int& exit_code) {
  CLI::App* inspect =
      app.add_subcommand("inspect", describe("Look into a run", "lambert inspect lamb runs/mini"));
  inspect->require_subcommand(1);
  CLI::App* lamb = inspect->add_subcommand(
      "lamb", describe("Weight norm, update norm, trust ratio and clamp hits of every tensor\n"
                       "The run must have logging.log_lamb_table: true. '-' = no trust ratio: an "
                       "excluded tensor, or a norm of zero.\n"
                       "Exit code 3 when there is no table.",
                       "lambert inspect lamb runs/mini --step 1000"));
  auto options = std::make_shared<InspectLambOptions>();
  lamb->add_option("RUN", options->run, "output_dir of a run")->required();
  lamb->add_option("--step", options->step, "the newest record up to this step; default: the last")
      ->check(CLI::PositiveNumber);
  lamb->add_flag("--json", options->json, "machine-readable output");
  lamb->callback([options, &exit_code] { exit_code = run_inspect_lamb(*options); });
}

void add_checkpoint_commands(CLI::App& app, int& exit_code) {
  CLI::App* exporting = app.add_subcommand(
      "export", describe("Export weights", "lambert export hf runs/mini --output exported"));
  exporting->require_subcommand(1);
  CLI::App* hf = exporting->add_subcommand(
      "hf", describe("Write a folder that Hugging Face Transformers loads",
                     "lambert export hf runs/mini --output exported"));
  auto export_options = std::make_shared<ExportOptions>();
  hf->add_option("CHECKPOINT", export_options->checkpoint,
                 "checkpoint folder, or a run directory (its newest one)")
      ->required();
  hf->add_option("--output", export_options->output, "folder to create")->required();
  hf->callback([export_options, &exit_code] { exit_code = run_export_hf(*export_options); });

  CLI::App* checkpoint = app.add_subcommand(
      "checkpoint", describe("Look at checkpoints", "lambert checkpoint list runs/mini"));
  checkpoint->require_subcommand(1);
  const std::pair<const char*, std::string> actions[] = {
      {"list",
       describe("List the checkpoints of a run directory", "lambert checkpoint list runs/mini")},
      {"verify",
       describe("Check a checkpoint, or all of a run directory, by hash (exit code 4 when one is "
                "damaged)",
                "lambert checkpoint verify runs/mini/checkpoint-00000200")}};
  for (const auto& [action, help] : actions) {
    auto options = std::make_shared<CheckpointOptions>();
    options->action = action;
    CLI::App* command = checkpoint->add_subcommand(action, help);
    command->add_option("DIR", options->folder, "run directory or checkpoint")->required();
    command->add_flag("--json", options->json, "machine-readable output");
    command->callback([options, &exit_code] { exit_code = run_checkpoint(*options); });
  }

  add_inspect(app, exit_code);
  CLI::App* config =
      app.add_subcommand("config", describe("About the configuration", "lambert config reference"));
  config->require_subcommand(1);
  config
      ->add_subcommand("reference",
                       describe("Print every key with default and meaning (configs/README.md)",
                                "lambert config reference > keys.md"))
      ->callback([&exit_code] { exit_code = run_config_reference(); });
}

/// "--a, --b" of a command's options, or the names of its own commands.
std::vector<std::string> names_of(const CLI::App& command, bool options) {
  std::vector<std::string> names;
  if (options) {
    for (const CLI::Option* option : command.get_options()) {
      for (const std::string& name : option->get_lnames()) {
        names.push_back("--" + name);
      }
    }
    return names;
  }
  for (const CLI::App* subcommand : command.get_subcommands([](const CLI::App*) { return true; })) {
    names.push_back(subcommand->get_name());
  }
  return names;
}

/// The first argument that the command does not know, with the nearest one that it does; "" when
/// there is none.
std::string describe_unknown_argument(const CLI::App& command) {
  const std::vector<std::string> unknown = command.remaining();
  if (unknown.empty()) {
    return "";
  }
  const bool is_option = unknown.front().starts_with("-");
  const std::string name = unknown.front().substr(0, unknown.front().find('='));
  const std::vector<std::string> known = names_of(command, is_option);
  const char* what = "argument";
  if (is_option) {
    what = "option";
  } else if (!known.empty()) {
    what = "command";
  }
  return std::string("unknown ") + what + " '" + name + "'" + suggest_nearest_name(name, known);
}

/// What is wrong with the arguments of the command that was being parsed.
std::string describe_mistake(const CLI::App& command, const CLI::ParseError& error) {
  std::string unknown = describe_unknown_argument(command);
  if (!unknown.empty()) {
    return unknown;
  }
  const std::vector<std::string> subcommands = names_of(command, false);
  if (subcommands.empty()) {
    return error.what();
  }
  std::string list;
  for (const std::string& name : subcommands) {
    list += (list.empty() ? "" : ", ") + name;
  }
  return "no command is given, there are " + list;
}

[[noreturn]] void throw_usage_mistake(const CLI::App& app, const CLI::ParseError& error) {
  const CLI::App* command = &app;
  std::string name = app.get_name();
  while (!command->get_subcommands().empty()) {
    command = command->get_subcommands().back();
    name += " " + command->get_name();
  }
  throw ConfigError("reading the command line of " + name + ": " +
                    describe_mistake(*command, error) + "; see " + name + " --help");
}

}  // namespace

int run_command_line(int argument_count, char** arguments) {
  CLI::App app(describe("Lambert pretrains BERT with LAMB",
                        "mpirun -n 2 lambert train configs/bert_mini.yaml"),
               "lambert");
  app.formatter(std::make_shared<HelpFormatter>());
  app.set_version_flag("--version", "lambert " + program_version());
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
    if (error.get_exit_code() != 0) {
      throw_usage_mistake(app, error);
    }
    return app.exit(error, std::cout, std::cerr);  // --help or --version
  }
  return exit_code;
}

}  // namespace lambert
