// SPDX-License-Identifier: Apache-2.0
#include "app/command_definitions.h"
#include "app/commands.h"

namespace lambert {
namespace {

void add_train(CLI::App& squad, int& exit_code) {
  CLI::App* command = squad.add_subcommand(
      "train", describe("Fine-tune, answer the questions of dev, score; one run for each seed\n"
                        "The same command again resumes. Exit codes as those of lambert train.",
                        "lambert squad train configs/squad_v1.yaml init_from=runs/mini"));
  auto options = std::make_shared<ConfigOptions>();
  command->add_option("CONFIG", options->config, "YAML file (configs/README.md lists every key)")
      ->required();
  command->add_option("OVERRIDES", options->overrides, "key=value, for instance seeds=[1,2,3]");
  command->callback([options, &exit_code] { exit_code = run_squad_train(*options); });
}

void add_predict(CLI::App& squad, int& exit_code) {
  CLI::App* command = squad.add_subcommand(
      "predict",
      describe("Answer the questions of a file: predictions.json, nbest_predictions.json and, for "
               "2.0, null_odds.json",
               "lambert squad predict runs/squad/seed-42 dev-v1.1.json --output answers"));
  auto options = std::make_shared<SquadPredictOptions>();
  const auto count = CLI::Range(std::int64_t{1}, std::int64_t{65536});
  command
      ->add_option("MODEL", options->model,
                   "fine-tuned: run directory of a seed, checkpoint, or Hugging Face folder")
      ->required();
  command->add_option("DATA", options->data, "SQuAD v1.1 or v2.0 file")->required();
  command->add_option("--output", options->output, "folder for the answers")->required();
  command
      ->add_option("--version", options->version,
                   "rules of 1.1 or 2.0; default: 2.0 when the data has is_impossible")
      ->check(CLI::IsMember({"1.1", "2.0"}));
  command->add_flag("--cased", options->cased,
                    "the WordPiece vocabulary is cased, where nothing beside it says so");
  command->add_option("--max-seq-length", options->max_seq_length, "tokens of a window")
      ->check(count)
      ->capture_default_str();
  command->add_option("--doc-stride", options->doc_stride, "tokens between windows")
      ->check(count)
      ->capture_default_str();
  command->add_option("--max-query-length", options->max_query_length, "tokens of a question")
      ->check(count)
      ->capture_default_str();
  command->add_option("--max-answer-length", options->max_answer_length, "tokens of an answer")
      ->check(count)
      ->capture_default_str();
  command->add_option("--n-best-size", options->n_best_size, "answers kept")
      ->check(count)
      ->capture_default_str();
  command
      ->add_option("--null-score-difference-threshold", options->null_score_difference_threshold,
                   "2.0: no answer when its score exceeds the best answer's by more")
      ->capture_default_str();
  command->add_option("--batch", options->batch, "windows of one forward pass")
      ->check(count)
      ->capture_default_str();
  add_device_option(*command, options->device, "as the key device of lambert squad train");
  command->callback([options, &exit_code] { exit_code = run_squad_predict(*options); });
}

void add_score(CLI::App& squad, int& exit_code) {
  CLI::App* command = squad.add_subcommand(
      "score",
      describe("Exact match and F1 as SQuAD's official scripts compute them\n"
               "A question without a prediction counts 0; such ids, and predictions without a "
               "question, are listed on stderr.",
               "lambert squad score dev-v1.1.json predictions.json --json"));
  auto options = std::make_shared<SquadScoreOptions>();
  command->add_option("DATA", options->data, "SQuAD v1.1 or v2.0 file")->required();
  command->add_option("PREDICTIONS", options->predictions, "JSON object: question id to answer")
      ->required();
  command
      ->add_option("--version", options->version,
                   "rules of 1.1 or 2.0; default: 2.0 when the data has is_impossible")
      ->check(CLI::IsMember({"1.1", "2.0"}));
  command->add_option("--null-odds", options->null_odds,
                      "v2.0: JSON object, question id to score of no answer; searches the best "
                      "thresholds");
  command
      ->add_option("--null-threshold", options->null_threshold,
                   "v2.0 with --null-odds: above it the answer counts as none")
      ->capture_default_str();
  command->add_flag("--questions", options->questions, "also the figures of every question");
  command->add_flag("--json", options->json, "machine-readable output");
  command->callback([options, &exit_code] { exit_code = run_squad_score(*options); });
}

}  // namespace

void add_squad_commands(CLI::App& app, int& exit_code) {
  CLI::App* squad =
      app.add_subcommand("squad", describe("Question answering on SQuAD: fine-tune, answer, score",
                                           "lambert squad score dev-v1.1.json predictions.json"));
  squad->require_subcommand(1);
  add_train(*squad, exit_code);
  add_predict(*squad, exit_code);
  add_score(*squad, exit_code);
}

}  // namespace lambert
