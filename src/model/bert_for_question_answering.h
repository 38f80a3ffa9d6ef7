// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include <ATen/core/Tensor.h>

#include "config/run_config.h"
#include "model/kernel_choice.h"
#include "model/model_inputs.h"
#include "model/model_parameter.h"

namespace lambert {

/// Sum and count, so that nobody can average averages.
struct SpanLoss {
  at::Tensor sum;  // () fp32, mean of start and end cross-entropy, summed over sequences
  std::int64_t sequences = 0;
};

/// BERT with a span head: a start and an end logit for every token (Devlin et al. 2018, 4.2). The
/// softmax runs over the tokens of the sequence; Google's and Hugging Face's code also let padding
/// take part.
class BertForQuestionAnswering {
 public:
  /// Starting values and device as those of BertForPreTraining.
  BertForQuestionAnswering(const ModelConfig& config, Precision precision, std::uint64_t seed,
                           bool gradient_checkpointing = false,
                           const at::Device& device = at::Device(at::kCPU));
  ~BertForQuestionAnswering();

  /// Forward pass with dropout and autograd; inputs with positions.
  SpanLoss forward(const QuestionAnsweringInputs& inputs);
  /// (T, 2) fp32 on the host, start and end; without dropout and without autograd. hidden_states,
  /// if any, gets (T, H) of the embeddings and of every layer, on the host, too.
  at::Tensor logits(const QuestionAnsweringInputs& inputs,
                    std::vector<at::Tensor>* hidden_states = nullptr);

  void use(const KernelChoice& kernels);
  const std::vector<ModelParameter>& parameters() const;
  const ModelConfig& config() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace lambert
