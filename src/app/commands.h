// SPDX-License-Identifier: Apache-2.0
// One function per command; command_line.cpp alone knows the argument parser. Each returns the exit
// code or throws an Error.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "config/run_config.h"

namespace lambert {

struct VocabTrainOptions {
  std::string type;  // wordpiece, unigram, bpe
  std::int64_t size = 0;
  bool cased = false;
  std::string output;
  std::string on_bad_text = "stop";
  std::vector<std::string> text;
};
int run_vocab_train(const VocabTrainOptions& options);

struct TokenizeOptions {
  std::string tokenizer;
  bool cased = false;
};
int run_tokenize(const TokenizeOptions& options);

struct PrepareOptions {
  std::string tokenizer;
  bool cased = false;
  std::int64_t max_seq_length = 0;
  std::string output;
  std::int64_t workers = 0;  // 0: all cores of this rank
  std::uint64_t seed = 12345;
  std::int64_t duplicate_factor = 1;
  double short_sequence_probability = 0.1;
  std::string on_bad_text = "stop";  // stop, skip
  std::int64_t max_line_megabytes = 16;
  std::vector<std::string> text;
};
int run_prepare(const PrepareOptions& options);

struct DataOptions {
  std::string action;  // inspect, stats, verify
  std::string folder;
  std::int64_t count = 3;  // inspect: examples shown
  bool json = false;
};
int run_data(const DataOptions& options);

struct ConfigOptions {
  std::string config;
  bool verbose = false;  // also debug messages
  std::vector<std::string> overrides;
};

struct CheckOptions : ConfigOptions {
  bool no_data = false;
  std::int64_t ranks = 0;  // 0: the ranks of this launch
  bool json = false;
};
int run_check(const CheckOptions& options);

struct PlanOptions : ConfigOptions {
  std::int64_t gpus = 0;
  std::string gpu;
  std::int64_t gpus_per_node = 8;
  bool has_network = false;
  double network_gigabits = 0.0;  // per GPU between nodes
  std::string software = "lambert";
  std::vector<double> mean_lengths;  // one for each phase; empty: max_seq_length
  bool json = false;
};
int run_plan(const PlanOptions& options);

int run_train(const ConfigOptions& options);

struct VerifyResumeOptions : ConfigOptions {
  std::int64_t steps = 5;  // before the restart, and after it
  std::int64_t ranks = 1;
  std::int64_t restart_ranks = 0;  // 0: as many as before
  std::string launcher;            // empty: mpirun -n {ranks} for several ranks, none for one
  std::string output;              // empty: output_dir with -verify-resume behind it
  bool keep = false;               // keep the runs also when everything is equal
  bool json = false;
};
int run_verify_resume(VerifyResumeOptions options);

struct EvalOptions : ConfigOptions {
  std::string checkpoint;  // empty: newest of output_dir
  bool json = false;
};
int run_eval(const EvalOptions& options);

struct ExportOptions {
  std::string checkpoint;
  std::string output;
};
int run_export_hf(const ExportOptions& options);

struct ExportVerifyOptions {
  std::string folder;
  bool json = false;
};
int run_export_verify(const ExportVerifyOptions& options);

struct ImportTfOptions {
  std::string checkpoint;  // path before .index
  std::string config;
  std::string vocabulary;
  std::string output;
  std::string gelu;  // erf, tanh
  bool cased = false;
  std::string python = "python3";
};
int run_import_tf(const ImportTfOptions& options);

struct CheckpointOptions {
  std::string action;  // list, verify
  std::string folder;
  bool json = false;
};
int run_checkpoint(const CheckpointOptions& options);

struct InspectLambOptions {
  std::string run;        // output_dir of a run
  std::int64_t step = 0;  // 0: the newest record; else the newest one not after it
  bool json = false;
};
int run_inspect_lamb(const InspectLambOptions& options);

struct BenchOptions {
  std::string action;  // train, matmul, attention, lamb, tokenize, prepare, loader, allreduce
  std::string model = "base";
  std::string dtype = "bf16";
  DeviceKind device = DeviceKind::automatic;  // of the training step and of LAMB
  std::int64_t batch = 8;
  std::int64_t max_seq_length = 128;
  bool mixed_lengths = false;  // spread evenly up to max_seq_length
  bool optimizer = false;      // the training step ends with LAMB
  bool pack_weights = false;
  bool verbose = false;
  bool profile = false;     // of the training step
  double megabytes = 25.0;  // of the all-reduce, fp32
  double seconds = 15.0;
  std::string tokenizer;
  bool cased = false;
  std::string input;  // tokenize, prepare: a text file; loader: a prepared folder
  bool has_peer = false;
  std::string python = "python3";  // of the peer
  std::int64_t rounds = 7;         // with a peer
  bool json = false;
};
int run_bench(const BenchOptions& options);

int run_squad_train(const ConfigOptions& options);

struct SquadPredictOptions {
  std::string model;
  std::string data;
  std::string output;
  std::string version;  // 1.1, 2.0; empty: as the data says
  bool cased = false;
  std::int64_t max_seq_length = 384;
  std::int64_t doc_stride = 128;
  std::int64_t max_query_length = 64;
  std::int64_t max_answer_length = 30;
  std::int64_t n_best_size = 20;
  double null_score_difference_threshold = 0.0;
  std::int64_t batch = 32;
  DeviceKind device = DeviceKind::automatic;
};
int run_squad_predict(const SquadPredictOptions& options);

struct SquadScoreOptions {
  std::string data;
  std::string predictions;
  std::string version;    // 1.1, 2.0; empty: as the data says
  std::string null_odds;  // empty: none
  double null_threshold = 1.0;
  bool questions = false;
  bool json = false;
};
int run_squad_score(const SquadScoreOptions& options);

struct DoctorOptions {
  std::string output_dir = ".";
  std::string require;         // empty, cuda
  bool net = false;            // the all-reduce between ranks instead of the machine
  double seconds = 10.0;       // net: the whole sweep
  double link_gigabits = 0.0;  // net: of one machine's link; 0: as the system says
  bool json = false;
};
int run_doctor(const DoctorOptions& options);

/// configs/README.md on stdout.
int run_config_reference();

}  // namespace lambert
