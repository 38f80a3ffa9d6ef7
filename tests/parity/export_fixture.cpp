// SPDX-License-Identifier: Apache-2.0
// Writes a checkpoint of a tiny network with random weights: export_fixture RUN_DIRECTORY
// TOKENIZER_FILE VOCAB_SIZE CASED ARCHITECTURE ACTIVATION
#include <cstdlib>
#include <iostream>

#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/rand_like.h>
#include <ATen/ops/randn.h>
#include <ATen/ops/randn_like.h>

#include "base/error.h"
#include "checkpoint/checkpoint.h"

namespace lambert {
namespace {

constexpr std::int64_t kHidden = 32;
constexpr std::int64_t kIntermediate = 64;
constexpr std::int64_t kPositions = 48;

using Tensors = std::vector<NamedTensor>;

void add_linear(Tensors& tensors, const std::string& name, std::int64_t out, std::int64_t in) {
  tensors.push_back({name + ".weight", at::randn({out, in}) * 0.05});
  tensors.push_back({name + ".bias", at::randn({out}) * 0.05});
}

void add_norm(Tensors& tensors, const std::string& name) {
  tensors.push_back({name + ".weight", 1.0 + at::randn({kHidden}) * 0.05});
  tensors.push_back({name + ".bias", at::randn({kHidden}) * 0.05});
}

/// The names and shapes of the architecture, written out: an independent copy of what the model
/// registers.
Tensors random_model(std::int64_t vocab_size, std::int64_t layers,
                     const std::string& architecture) {
  Tensors tensors;
  const std::string embeddings = "bert.embeddings.";
  tensors.push_back({embeddings + "word_embeddings.weight", at::randn({vocab_size, kHidden})});
  tensors.push_back({embeddings + "position_embeddings.weight", at::randn({kPositions, kHidden})});
  tensors.push_back({embeddings + "token_type_embeddings.weight", at::randn({2, kHidden})});
  add_norm(tensors, embeddings + "LayerNorm");
  for (std::int64_t layer = 0; layer < layers; ++layer) {
    const std::string prefix = "bert.encoder.layer." + std::to_string(layer) + ".";
    for (const char* part : {"query", "key", "value"}) {
      add_linear(tensors, prefix + "attention.self." + part, kHidden, kHidden);
    }
    add_linear(tensors, prefix + "attention.output.dense", kHidden, kHidden);
    add_norm(tensors, prefix + "attention.output.LayerNorm");
    add_linear(tensors, prefix + "intermediate.dense", kIntermediate, kHidden);
    add_linear(tensors, prefix + "output.dense", kHidden, kIntermediate);
    add_norm(tensors, prefix + "output.LayerNorm");
  }
  if (architecture == kQuestionAnsweringArchitecture) {
    add_linear(tensors, "qa_outputs", 2, kHidden);
    return tensors;
  }
  add_linear(tensors, "bert.pooler.dense", kHidden, kHidden);
  tensors.push_back({"cls.predictions.bias", at::randn({vocab_size})});
  add_linear(tensors, "cls.predictions.transform.dense", kHidden, kHidden);
  add_norm(tensors, "cls.predictions.transform.LayerNorm");
  add_linear(tensors, "cls.seq_relationship", 2, kHidden);
  return tensors;
}

void write_checkpoint(const std::filesystem::path& run, const std::filesystem::path& tokenizer,
                      std::int64_t vocab_size, bool cased, const std::string& architecture,
                      Activation activation) {
  CheckpointContent content;
  content.architecture = architecture;
  content.state = {20, 1, 8, 160, 20, 0};
  content.model_config.vocab_size = vocab_size;
  content.model_config.hidden_size = kHidden;
  content.model_config.num_hidden_layers = 2;
  content.model_config.num_attention_heads = 4;
  content.model_config.intermediate_size = kIntermediate;
  content.model_config.max_position_embeddings = kPositions;
  content.model_config.hidden_act = activation;
  content.model = random_model(vocab_size, content.model_config.num_hidden_layers, architecture);
  for (const NamedTensor& named : content.model) {
    content.optimizer.push_back({named.name + ".exp_avg", at::randn_like(named.tensor)});
    content.optimizer.push_back({named.name + ".exp_avg_sq", at::rand_like(named.tensor)});
  }
  content.run_config_yaml = "output_dir: " + run.filename().string() + "\n";
  content.cased = cased;
  content.vocabulary_hash = "00000000000000000000000000000000";
  content.extra_files = {
      {tokenizer.filename().string(), read_file(tokenizer, std::uint64_t{1} << 30)}};
  const std::unique_ptr<FileSystem> disk = make_posix_file_system();
  std::cout << CheckpointStore(*disk, run).save(content).string() << "\n";
}

}  // namespace
}  // namespace lambert

int main(int argument_count, char** arguments) {
  if (argument_count != 7) {
    std::cerr << "usage: export_fixture RUN_DIRECTORY TOKENIZER_FILE VOCAB_SIZE CASED "
                 "ARCHITECTURE ACTIVATION\n";
    return 2;
  }
  try {
    lambert::write_checkpoint(arguments[1], arguments[2], std::atoll(arguments[3]),
                              std::string(arguments[4]) == "1", arguments[5],
                              std::string(arguments[6]) == "gelu" ? lambert::Activation::gelu
                                                                  : lambert::Activation::gelu_new);
  } catch (const std::exception& error) {
    std::cerr << error.what() << "\n";
    return 1;
  }
  return 0;
}
