// SPDX-License-Identifier: Apache-2.0
#include "app/command_definitions.h"
#include "app/commands.h"
#include "cluster/constants.h"

namespace lambert {
namespace {

void add_config_arguments(CLI::App& command, ConfigOptions& options) {
  command.add_option("CONFIG", options.config, "YAML file (configs/README.md lists every key)")
      ->required();
  command.add_option("OVERRIDES", options.overrides,
                     "key=value, for instance phases[0].learning_rate=4e-3");
}

/// "a, b, c" of entries that have a name.
template <typename Entry>
std::string names_of(const std::vector<Entry>& entries) {
  std::string list;
  for (const Entry& entry : entries) {
    list += (list.empty() ? "" : ", ") + entry.name;
  }
  return list;
}

void add_plan(CLI::App& app, int& exit_code) {
  CLI::App* command = app.add_subcommand(
      "plan",
      describe(
          "The cluster on paper: step time, memory, exposed all-reduce, efficiency and hours on "
          "GPUs that are not here\n"
          "A model of the run (docs/results/scaling.md compares it with published runs); its "
          "figures for Lambert have not been\n"
          "measured on a GPU. Needs no data. Exit code 2 for a wrong configuration or cluster.",
          "lambert plan configs/bert_large_64k.yaml --gpus 1024 --gpu h100 --network 400"));
  auto options = std::make_shared<PlanOptions>();
  add_config_arguments(*command, *options);
  command->add_option("--gpus", options->gpus, "number of GPUs")->required();
  command->add_option("--gpu", options->gpu, "one of " + names_of(machines()))->required();
  command->add_option("--gpus-per-node", options->gpus_per_node, "GPUs that share fast links")
      ->capture_default_str();
  command->add_option_function<double>(
      "--network",
      [options](const double& gigabits) {
        options->has_network = true;
        options->network_gigabits = gigabits;
      },
      "Gbit/s between nodes for each GPU, one direction: adapters of a node / its GPUs; default: "
      "that of the maker's own systems");
  command
      ->add_option("--mean-length", options->mean_lengths,
                   "mean tokens of a sequence, one number for each phase separated by commas; "
                   "default: max_seq_length")
      ->delimiter(',')
      ->allow_extra_args(false);
  command
      ->add_option("--software", options->software,
                   "whose program, for comparison: one of " + names_of(softwares()))
      ->capture_default_str();
  command->add_flag("--json", options->json, "machine-readable output");
  command->callback([options, &exit_code] { exit_code = run_plan(*options); });
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

}  // namespace

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

  add_plan(app, exit_code);

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
  train->add_flag("--verbose", train_options->verbose,
                  "also say what only developers ask for, such as how each product runs");
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

}  // namespace lambert
