// SPDX-License-Identifier: Apache-2.0
#include <map>

#include "app/command_definitions.h"
#include "app/commands.h"

namespace lambert {
namespace {

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

void add_import(CLI::App& app, int& exit_code) {
  CLI::App* import =
      app.add_subcommand("import", describe("Convert weights of others",
                                            "lambert import tf bert_model.ckpt bert_config.json "
                                            "vocab.txt --gelu tanh --output bert"));
  import->require_subcommand(1);
  CLI::App* tf = import->add_subcommand(
      "tf",
      describe("A TensorFlow checkpoint of google-research/bert to a folder for init_from\n"
               "Needs a Python with numpy and safetensors, not TensorFlow. bert_config.json has "
               "\"gelu\" for both forms:\n"
               "Google's released code computes the tanh approximation, Hugging Face's conversions "
               "of the same weights the\n"
               "error function (erf).\n"
               "Exit codes: 2 usage or no such Python, 3 a missing, damaged or unfitting file.",
               "lambert import tf bert_model.ckpt bert_config.json vocab.txt --gelu tanh --output "
               "bert"));
  auto options = std::make_shared<ImportTfOptions>();
  tf->add_option("CHECKPOINT_PREFIX", options->checkpoint, "path of the .index file without .index")
      ->required();
  tf->add_option("CONFIG_JSON", options->config, "bert_config.json")->required();
  tf->add_option("VOCAB", options->vocabulary, "vocab.txt")->required();
  tf->add_option("--output", options->output, "folder to create")->required();
  tf->add_option("--gelu", options->gelu, "the form that the model was trained with")
      ->required()
      ->check(CLI::IsMember({"erf", "tanh"}));
  tf->add_flag("--cased", options->cased, "the vocabulary is cased");
  tf->add_option("--python", options->python, "interpreter")->capture_default_str();
  tf->callback([options, &exit_code] { exit_code = run_import_tf(*options); });
}

/// What a benchmark takes beside --seconds and --json.
struct BenchDescription {
  const char* action;
  std::string help;
  bool model = false;
  bool batch = false;
  bool text = false;  // a text file and a tokenizer
  bool peer = false;
};

void add_model_options(CLI::App& command, BenchOptions& options) {
  command.add_option("--model", options.model, "published size")
      ->check(CLI::IsMember({"tiny", "mini", "base", "large"}))
      ->capture_default_str();
  command.add_option("--dtype", options.dtype, "compute type")
      ->check(CLI::IsMember({"fp32", "bf16", "fp16"}))
      ->capture_default_str();
}

void add_batch_options(CLI::App& command, BenchOptions& options) {
  command.add_option("--batch", options.batch, "sequences")
      ->check(CLI::Range(std::int64_t{1}, std::int64_t{65536}))
      ->capture_default_str();
  command.add_option("--max-seq-length", options.max_seq_length, "tokens of a sequence")
      ->check(CLI::Range(std::int64_t{8}, std::int64_t{512}))
      ->capture_default_str();
}

void add_text_options(CLI::App& command, BenchOptions& options) {
  command
      .add_option("--tokenizer", options.tokenizer,
                  "vocab.txt, sentencepiece .model, or a folder with one")
      ->required();
  command.add_flag("--cased", options.cased, "the WordPiece vocabulary is cased");
  command.add_option("FILE", options.input, "plain text")->required();
}

void add_peer_options(CLI::App& command, BenchOptions& options) {
  command
      .add_option_function<std::string>(
          "--peer",
          [&options](const std::string& python) {
            options.has_peer = true;
            options.python = python;
          },
          "also run bench/peers/ in turn, with this Python that has its packages")
      ->expected(0, 1)
      ->default_str("python3");
  command.add_option("--rounds", options.rounds, "with --peer: how often both run")
      ->check(CLI::Range(std::int64_t{1}, std::int64_t{100}))
      ->capture_default_str();
}

void add_bench_options(CLI::App& command, const BenchDescription& description,
                       BenchOptions& options) {
  if (description.model) {
    add_model_options(command, options);
  }
  if (description.batch) {
    add_batch_options(command, options);
  }
  if (description.text) {
    add_text_options(command, options);
  }
  if (description.peer) {
    add_peer_options(command, options);
  }
  if (options.action == "train" || options.action == "lamb") {
    add_device_option(command, options.device, "as the key device; of the peer, too");
  }
  if (options.action == "train") {
    command.add_flag("--mixed-lengths", options.mixed_lengths,
                     "lengths spread evenly up to --max-seq-length");
    command.add_flag("--optimizer", options.optimizer, "a LAMB step after every backward pass");
    command.add_flag("--pack-weights", options.pack_weights,
                     "as the key pack_weights does, with one micro-batch a step");
    command.add_flag("--verbose", options.verbose, "also how each product runs");
    command.add_flag(
        "--profile", options.profile,
        "milliseconds of each class of work in a step, on a GPU of each kernel; they add "
        "up to the step");
  }
  if (options.action == "loader") {
    command.add_option("DIR", options.input, "folder made by lambert prepare")->required();
  }
  if (options.action == "allreduce") {
    command.add_option("--dtype", options.dtype, "type on the wire")
        ->check(CLI::IsMember({"fp32", "bf16"}))
        ->default_str("fp32");
    options.dtype = "fp32";
    command.add_option("--megabytes", options.megabytes, "fp32 gradients")
        ->check(CLI::Range(0.001, 8000.0))
        ->capture_default_str();
    command.add_flag("--peer", options.has_peer, "also MPI_Allreduce, in turn with the ring");
  }
  command.add_option("--seconds", options.seconds, "time of the measurement")
      ->check(CLI::Range(0.1, 3600.0))
      ->capture_default_str();
  command.add_flag("--json", options.json, "machine-readable output");
}

void add_bench(CLI::App& app, int& exit_code) {
  CLI::App* bench = app.add_subcommand(
      "bench", describe("Measure this machine; threads: OMP_NUM_THREADS",
                        "lambert bench train --model base --dtype bf16 --batch 8 --json"));
  bench->require_subcommand(1);
  const BenchDescription descriptions[] = {
      {.action = "train",
       .help = describe("Forward and backward: tokens per second, share of the matmul rate, memory",
                        "lambert bench train --model base --dtype bf16 --batch 8 --seconds 15"),
       .model = true,
       .batch = true,
       .peer = true},
      {.action = "matmul",
       .help = describe("The three products of every linear layer, GFLOP per second",
                        "lambert bench matmul --model base --dtype fp32"),
       .model = true,
       .batch = true},
      {.action = "attention",
       .help = describe("Attention forward and backward, milliseconds",
                        "lambert bench attention --batch 2 --max-seq-length 512 --peer"),
       .model = true,
       .batch = true,
       .peer = true},
      {.action = "lamb",
       .help = describe("One LAMB step, and its share of the copy bandwidth",
                        "lambert bench lamb --model base"),
       .model = true,
       .peer = true},
      {.action = "tokenize",
       .help = describe("Text to ids on one thread, MB per second",
                        "lambert bench tokenize --tokenizer vocab.txt text.txt"),
       .text = true,
       .peer = true},
      {.action = "prepare",
       .help = describe("Text to a prepared folder on all cores, MB per second",
                        "lambert bench prepare --tokenizer vocab.txt text.txt"),
       .text = true,
       .peer = true},
      {.action = "loader",
       .help = describe("Read, mask and collate on one thread, tokens per second",
                        "lambert bench loader data/seq128 --batch 64"),
       .batch = true},
      {.action = "allreduce",
       .help = describe("The ring over the ranks of mpirun, bus bandwidth",
                        "mpirun -n 2 lambert bench allreduce --megabytes 100 --peer")}};
  for (const BenchDescription& description : descriptions) {
    auto options = std::make_shared<BenchOptions>();
    options->action = description.action;
    CLI::App* command = bench->add_subcommand(description.action, description.help);
    add_bench_options(*command, description, *options);
    command->callback([options, &exit_code] { exit_code = run_bench(*options); });
  }
}

void add_doctor(CLI::App& app, int& exit_code) {
  CLI::App* doctor = app.add_subcommand(
      "doctor",
      describe("What this machine has for training, what is missing, and what to do\n"
               "Exit codes: 0 training on the CPU is possible, 7 --require cuda and no usable GPU, "
               "8 unusable output folder.",
               "lambert doctor --output-dir runs"));
  auto options = std::make_shared<DoctorOptions>();
  doctor->add_option("--output-dir", options->output_dir, "where runs shall write")
      ->capture_default_str();
  doctor->add_option("--require", options->require, "end with code 7 when it cannot be used")
      ->check(CLI::IsMember({"cuda"}));
  doctor->add_flag("--net", options->net,
                   "under mpirun: time the all-reduce for several sizes, beside what memory or "
                   "links allow");
  doctor->add_option("--seconds", options->seconds, "with --net: time of the sweep")
      ->check(CLI::Range(0.1, 3600.0))
      ->capture_default_str();
  doctor
      ->add_option("--link-gigabits", options->link_gigabits,
                   "with --net: speed of a machine's link, Gbit/s; default: as the system says")
      ->check(CLI::Range(0.001, 100000.0));
  doctor->add_flag("--json", options->json, "machine-readable output");
  doctor->callback([options, &exit_code] { exit_code = run_doctor(*options); });
}

void add_export_commands(CLI::App& app, int& exit_code) {
  CLI::App* exporting = app.add_subcommand(
      "export", describe("Export weights", "lambert export hf runs/mini --output exported"));
  exporting->require_subcommand(1);
  CLI::App* hf = exporting->add_subcommand(
      "hf", describe("Write a folder that Hugging Face Transformers loads, with certificate.json:\n"
                     "SHA-256 of every file, fixed inputs and our logits for them",
                     "lambert export hf runs/mini --output exported"));
  auto export_options = std::make_shared<ExportOptions>();
  hf->add_option("CHECKPOINT", export_options->checkpoint,
                 "checkpoint folder, or a run directory (its newest one)")
      ->required();
  hf->add_option("--output", export_options->output, "folder to create")->required();
  hf->callback([export_options, &exit_code] { exit_code = run_export_hf(*export_options); });

  CLI::App* verify = exporting->add_subcommand(
      "verify", describe("Compare an exported folder with its certificate: every file, and the "
                         "logits of its weights\n"
                         "Exit code 3 names the file that was damaged. scripts/verify_export.py "
                         "does the same with Transformers.",
                         "lambert export verify exported"));
  auto verify_options = std::make_shared<ExportVerifyOptions>();
  verify->add_option("FOLDER", verify_options->folder, "written by lambert export hf")->required();
  verify->add_flag("--json", verify_options->json, "machine-readable output");
  verify->callback(
      [verify_options, &exit_code] { exit_code = run_export_verify(*verify_options); });
}

void add_checkpoint_commands(CLI::App& app, int& exit_code) {
  add_import(app, exit_code);

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

  CLI::App* config =
      app.add_subcommand("config", describe("About the configuration", "lambert config reference"));
  config->require_subcommand(1);
  config
      ->add_subcommand("reference",
                       describe("Print every key with default and meaning (configs/README.md)",
                                "lambert config reference > keys.md"))
      ->callback([&exit_code] { exit_code = run_config_reference(); });
}

}  // namespace

void add_inspection_commands(CLI::App& app, int& exit_code) {
  add_export_commands(app, exit_code);
  add_checkpoint_commands(app, exit_code);
  add_inspect(app, exit_code);
  add_bench(app, exit_code);
  add_doctor(app, exit_code);
}

}  // namespace lambert
