// SPDX-License-Identifier: Apache-2.0
// Every key of a SQuAD configuration, written once, as in run_config_fields.h.
#pragma once

#include "config/run_config_fields.h"
#include "config/squad_config.h"

namespace lambert {

template <class Visitor>
void visit_squad_data_fields(Visitor& visit, SquadConfig& config) {
  visit.field("version", config.version, any_value(),
              "`1.1`: every question has an answer; `2.0`: some have none.");
  visit.field("train", config.train, required(any_value()), "SQuAD JSON file to train on.");
  visit.field("dev", config.dev, any_value(),
              "SQuAD JSON file to answer and score after training; empty = none.");
  visit.field("max_train_questions", config.max_train_questions, between(0, kMaxQuestions),
              "Use the first questions of `train` only; 0 = all.");
  visit.field("max_dev_questions", config.max_dev_questions, between(0, kMaxQuestions),
              "Use the first questions of `dev` only; 0 = all.");
  visit.field("max_seq_length", config.max_seq_length, between(16, kMaxPositions),
              "Tokens of question, window and three special tokens.");
  visit.field("doc_stride", config.doc_stride, between(1, kMaxPositions),
              "Tokens from the start of one window of a paragraph to the next one's.");
  visit.field("max_query_length", config.max_query_length, between(1, kMaxPositions),
              "Tokens of a question; longer ones are cut.");
  visit.field("max_answer_length", config.max_answer_length, between(1, kMaxPositions),
              "Tokens of an answer.");
  visit.field("n_best_size", config.n_best_size, between(1, 1000),
              "Starts and ends tried per window, and answers kept.");
  visit.field("null_score_difference_threshold", config.null_score_difference_threshold,
              any_value(),
              "Version 2.0: the answer is empty when the score of no answer exceeds the best "
              "answer's by more.");
}

template <class Visitor>
void visit_squad_recipe_fields(Visitor& visit, SquadConfig& config) {
  visit.field("per_device_train_batch_size", config.per_device_train_batch_size,
              between(1, kMaxBatch), "Windows of one forward pass of a rank.");
  visit.field("global_train_batch_size", config.global_train_batch_size, between(0, kMaxBatch),
              "Windows per optimizer step over all ranks; 0 = `per_device_train_batch_size` times "
              "the ranks.");
  visit.field("per_device_eval_batch_size", config.per_device_eval_batch_size,
              between(1, kMaxBatch), "Windows of one forward pass when answering.");
  visit.field("num_train_epochs", config.num_train_epochs, between(0, kMaxEpochs),
              "Passes over the training windows; may be a fraction. 0 = no training.");
  visit.field("learning_rate", config.learning_rate, positive(), "Peak rate.");
  visit.field("warmup_steps", config.warmup_steps, between(0, kMaxSteps),
              "Steps of the linear warm-up; below 1: share of all steps. Then linear decay to "
              "zero.");
  visit.field("lr_decay_origin", config.lr_decay_origin, any_value(),
              "`phase_start`: the decay counts from step 0 (Google); `warmup_end`: from the end of "
              "warm-up (Hugging Face).");
  visit.field("shuffle", config.shuffle, any_value(),
              "Another order of the windows in every epoch; false = the file's order.");
  visit.field("seeds", config.seeds, any_value(),
              "One run for each: head weights, order and dropout. Mean, spread and best are "
              "reported.");
  visit.field("hidden_dropout_prob", config.hidden_dropout_prob, between(-1, 0.99),
              "Dropout after the embeddings and each sub-layer; negative = as `init_from` says.");
  visit.field("attention_probs_dropout_prob", config.attention_probs_dropout_prob,
              between(-1, 0.99),
              "Dropout of the attention probabilities; negative = as `init_from` says.");
  visit.section("optimizer", config.optimizer, false, "The update rule; here `adamw` by default.");
}

template <class Visitor>
void visit_fields(Visitor& visit, SquadConfig& config) {
  visit.field("output_dir", config.output_dir, required(any_value()),
              "Folder of the results, with a run directory for each seed; again = resume.");
  visit.field("init_from", config.init_from, required(any_value()),
              "Weights to start from: a folder in Hugging Face's layout (`config.json`, "
              "`model.safetensors` or its index), a checkpoint, or a run directory (its newest "
              "checkpoint).");
  visit.field("tokenizer", config.tokenizer, any_value(),
              "Vocabulary file or folder; empty = the one in `init_from`.");
  visit.field("cased", config.cased, any_value(),
              "The WordPiece vocabulary is cased; taken from the folder where it says so.");
  visit_squad_data_fields(visit, config);
  visit_squad_recipe_fields(visit, config);
  visit.field("device", config.device, any_value(), kDeviceHelp);
  visit.field(
      "precision", config.precision, any_value(),
      "`bf16`: compute weights and activations in bf16. Not `fp16`: fine-tuning has no loss "
      "scaling.");
  visit_kernel_fields(visit, config);
  visit.field("gradient_checkpointing", config.gradient_checkpointing, any_value(),
              "Compute each layer again in the backward pass instead of keeping it.");
  visit.section("communication", config.communication, false, "Between ranks.");
  visit.section("checkpoint", config.checkpoint, false, "Saving.");
  visit.section("logging", config.logging, false, "What is recorded, and how often.");
  visit.field("stop_after_steps", config.stop_after_steps, between(0, kMaxSteps),
              "Steps after which a launch saves and ends with code 75. 0 = runs to the end.");
  visit.field("threads_per_rank", config.threads_per_rank, between(0, 4096),
              "Threads of one rank; 0 = cores divided by the ranks on this machine.");
}

}  // namespace lambert
