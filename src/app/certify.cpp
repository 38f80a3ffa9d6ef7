// SPDX-License-Identifier: Apache-2.0
#include "app/certify.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <set>

#include <ATen/core/Tensor.h>
#include <ATen/ops/isfinite.h>
#include <ATen/ops/tensor.h>

#include "app/run_directory.h"
#include "base/counter_rng.h"
#include "base/error.h"
#include "checkpoint/hugging_face_config.h"
#include "checkpoint/manifest.h"
#include "checkpoint/model_import.h"
#include "model/bert_for_pretraining.h"
#include "model/bert_for_question_answering.h"
#include "text/tokenizer.h"
#include "train/micro_batch_inputs.h"

namespace lambert {
namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t kLargestConfig = std::uint64_t{1} << 20;
constexpr std::array<std::int64_t, 4> kLengths = {8, 24, 64, 128};  // at most the model's
constexpr std::int64_t kMostTokenIds = 256;                         // keeps the certificate small

/// Processors of different vector width add in another order.
constexpr double kLogitTolerance = 1e-5;

/// [CLS] A [SEP], every second sequence [CLS] A [SEP] B [SEP]; A and B are random entries of the
/// vocabulary.
CertifiedSequence make_sequence(const ModelConfig& model, const SpecialTokens& special,
                                std::size_t index) {
  const std::int64_t length = std::min(kLengths[index], model.max_position_embeddings);
  CounterStream random(philox_key(0, RandomPurpose::certificate), index, 0);
  CertifiedSequence sequence;
  for (std::int64_t position = 0; position < length; ++position) {
    sequence.input_ids.push_back(
        static_cast<std::int32_t>(random.below(static_cast<std::uint32_t>(model.vocab_size))));
  }
  const auto last = static_cast<std::size_t>(length - 1);
  const std::size_t first_end = index % 2 == 1 ? last / 2 : last;
  sequence.input_ids[last] = special.sep;
  sequence.input_ids[first_end] = special.sep;
  sequence.input_ids[0] = special.cls;
  sequence.token_type_ids.resize(sequence.input_ids.size(), 0);
  std::fill(sequence.token_type_ids.begin() + static_cast<std::ptrdiff_t>(first_end) + 1,
            sequence.token_type_ids.end(), 1);
  return sequence;
}

/// A quarter, half and three quarters through the sequence.
std::vector<std::int32_t> spread_positions(std::size_t length) {
  std::set<std::int32_t> positions;
  for (const std::size_t quarter : {1U, 2U, 3U}) {
    positions.insert(static_cast<std::int32_t>(quarter * length / 4));
  }
  return {positions.begin(), positions.end()};
}

std::vector<std::int64_t> spread_token_ids(std::int64_t vocab_size) {
  std::vector<std::int64_t> ids;
  const std::int64_t count = std::min(vocab_size, kMostTokenIds);
  for (std::int64_t index = 0; index < count; ++index) {
    ids.push_back(index * vocab_size / count);
  }
  return ids;
}

Batch make_batch(const CertifiedSequence& sequence) {
  Batch batch;
  batch.input_ids = sequence.input_ids;
  batch.token_type_ids.assign(sequence.token_type_ids.begin(), sequence.token_type_ids.end());
  batch.lengths = {static_cast<std::int32_t>(sequence.input_ids.size())};
  batch.sample_numbers = {0};
  batch.masked_positions = sequence.mlm_positions;
  batch.masked_labels.resize(sequence.mlm_positions.size(), 0);
  batch.next_sentence_labels = {0};
  return batch;
}

std::vector<float> to_vector(const at::Tensor& values) {
  const at::Tensor flat = values.contiguous();
  if (!at::isfinite(flat).all().item<bool>()) {
    throw DataError("running the exported model: a logit is not finite; export another checkpoint");
  }
  const auto* data = flat.const_data_ptr<float>();
  return {data, data + flat.numel()};
}

void import_all(const fs::path& folder, const ModelImport& source,
                const std::vector<ModelParameter>& parameters) {
  std::vector<NamedTensor> weights = bind_weights(parameters);
  if (const ImportReport report = source.copy_to(weights); !report.initialised.empty()) {
    throw DataError("reading " + (folder / kModelFile).string() + ": " +
                    report.initialised.front() + " is missing; export the model again");
  }
  refresh_compute_weights(parameters);
}

void add_pretraining_logits(const fs::path& folder, const ModelImport& source,
                            Certificate& certificate) {
  BertForPreTraining model(source.config(), Precision::fp32, 0);
  import_all(folder, source, model.parameters());
  const at::Tensor ids = at::tensor(certificate.mlm_token_ids, at::kLong);
  for (CertifiedSequence& sequence : certificate.sequences) {
    const PretrainingLogits logits = model.logits(to_model_inputs(make_batch(sequence), {}));
    sequence.logits["mlm"] = to_vector(logits.mlm.index_select(1, ids));
    sequence.logits["nsp"] = to_vector(logits.nsp);
  }
}

void add_span_logits(const fs::path& folder, const ModelImport& source, Certificate& certificate) {
  BertForQuestionAnswering model(source.config(), Precision::fp32, 0);
  import_all(folder, source, model.parameters());
  for (CertifiedSequence& sequence : certificate.sequences) {
    QuestionAnsweringInputs inputs;
    static_cast<EncoderInputs&>(inputs) = to_model_inputs(make_batch(sequence), {});
    const auto length = static_cast<std::int64_t>(sequence.input_ids.size());
    const at::Tensor logits = model.logits(inputs).slice(0, 0, length);  // (L, 2)
    sequence.logits["start"] = to_vector(logits.select(1, 0));
    sequence.logits["end"] = to_vector(logits.select(1, 1));
  }
}

/// Replaces the logits of every sequence by those of the folder's weights.
void compute_logits(const fs::path& folder, Certificate& certificate) {
  const ModelImport source(folder);
  for (const std::int64_t id : certificate.mlm_token_ids) {
    if (id >= source.config().vocab_size) {
      throw DataError("reading " + (folder / kCertificateFile).string() + ": token id " +
                      std::to_string(id) + " is not in the vocabulary; export the model again");
    }
  }
  for (CertifiedSequence& sequence : certificate.sequences) {
    sequence.logits.clear();
  }
  if (certificate.architecture == kPretrainingArchitecture) {
    add_pretraining_logits(folder, source, certificate);
  } else {
    add_span_logits(folder, source, certificate);
  }
}

std::string architecture_of(const fs::path& folder) {
  const fs::path file = folder / kModelConfigFile;
  const std::string text = read_file(file, kLargestConfig);
  try {
    return parse_architecture(text);
  } catch (const DataError& error) {
    throw DataError("reading " + file.string() + ": " + error.what() +
                    "; give a folder written by lambert export hf");
  }
}

/// Largest difference and largest value of one head, over all sequences.
struct Comparison {
  double difference = 0.0;
  double largest = 0.0;
};

void compare(const std::vector<float>& expected, const std::vector<float>& found,
             Comparison& comparison) {
  for (std::size_t index = 0; index < expected.size(); ++index) {
    const double difference = std::abs(static_cast<double>(expected[index]) - found[index]);
    comparison.difference = std::max(comparison.difference, difference);
    comparison.largest =
        std::max(comparison.largest, std::abs(static_cast<double>(expected[index])));
  }
}

}  // namespace

Certificate certify_export(const fs::path& folder) {
  Certificate certificate;
  certificate.architecture = architecture_of(folder);
  certificate.files = hash_files(folder);
  const ModelConfig model = ModelImport(folder).config();
  const SpecialTokens special = load_tokenizer(folder, false)->special_tokens();
  const bool has_mlm_head = certificate.architecture == kPretrainingArchitecture;
  for (std::size_t index = 0; index < kLengths.size(); ++index) {
    CertifiedSequence sequence = make_sequence(model, special, index);
    if (has_mlm_head) {
      sequence.mlm_positions = spread_positions(sequence.input_ids.size());
    }
    certificate.sequences.push_back(std::move(sequence));
  }
  if (has_mlm_head) {
    certificate.mlm_token_ids = spread_token_ids(model.vocab_size);
  }
  compute_logits(folder, certificate);
  return certificate;
}

std::map<std::string, double> verify_export(const fs::path& folder) {
  const Certificate expected = read_certificate(folder);
  verify_files(folder, expected);
  if (architecture_of(folder) != expected.architecture) {
    throw DataError("verifying " + folder.string() + ": " + kModelConfigFile +
                    ": another architecture than the certificate's; export the model again");
  }
  Certificate found = expected;
  compute_logits(folder, found);
  std::map<std::string, Comparison> heads;
  for (std::size_t index = 0; index < expected.sequences.size(); ++index) {
    for (const auto& [head, values] : found.sequences[index].logits) {
      const auto certified = expected.sequences[index].logits.find(head);
      if (certified == expected.sequences[index].logits.end() ||
          certified->second.size() != values.size()) {
        throw DataError("verifying " + folder.string() + ": " + kCertificateFile +
                        ": logits of head " + head + " are missing; export the model again");
      }
      compare(certified->second, values, heads[head]);
    }
  }
  std::map<std::string, double> differences;
  for (const auto& [head, comparison] : heads) {
    differences[head] = comparison.difference / comparison.largest;
    if (!(differences[head] <= kLogitTolerance)) {
      throw DataError("verifying " + folder.string() + ": " + kModelFile + ": logits of head " +
                      head + " differ from the certificate's by " +
                      std::to_string(differences[head]) +
                      " of the largest; the certificate is another model's, export again");
    }
  }
  return differences;
}

}  // namespace lambert
