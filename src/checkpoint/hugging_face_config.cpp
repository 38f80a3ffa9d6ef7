// SPDX-License-Identifier: Apache-2.0
#include "checkpoint/hugging_face_config.h"

#include "base/error.h"
#include "checkpoint/strict_json.h"
#include "config/field_rule.h"
#include "config/run_config_fields.h"

namespace lambert {
namespace {

using nlohmann::json;
using nlohmann::ordered_json;

std::string activation_name(Activation activation) {
  return activation == Activation::gelu ? "gelu" : "gelu_new";
}

/// The model's fields under the names of BertConfig.
ordered_json model_fields(const ModelConfig& config) {
  return {{"vocab_size", config.vocab_size},
          {"hidden_size", config.hidden_size},
          {"num_hidden_layers", config.num_hidden_layers},
          {"num_attention_heads", config.num_attention_heads},
          {"intermediate_size", config.intermediate_size},
          {"hidden_act", activation_name(config.hidden_act)},
          {"hidden_dropout_prob", config.hidden_dropout_prob},
          {"attention_probs_dropout_prob", config.attention_probs_dropout_prob},
          {"max_position_embeddings", config.max_position_embeddings},
          {"type_vocab_size", config.type_vocab_size},
          {"layer_norm_eps", config.layer_norm_eps},
          {"initializer_range", config.initializer_range}};
}

/// Holds the fields to the limits that a configuration of ours has.
struct RangeCheck {
  template <class Value>
  void field(const char* name, const Value& value, const FieldRule& rule, const char*) {
    if constexpr (std::is_arithmetic_v<Value>) {
      if (const auto mistake =
              find_range_mistake(rule, static_cast<double>(value), json(value).dump())) {
        throw DataError("'" + std::string(name) + "': " + *mistake);
      }
    }
  }
};

/// What changes the network, and the one value with which it is ours. Absent means that value, as
/// in BertConfig.
void refuse_other_networks(const json& document) {
  const std::pair<const char*, json> ours[] = {{"position_embedding_type", "absolute"},
                                               {"is_decoder", false},
                                               {"add_cross_attention", false},
                                               {"pruned_heads", json::object()},
                                               {"quantization_config", nullptr}};
  for (const auto& [name, value] : ours) {
    if (document.contains(name) && document.at(name) != value && !document.at(name).is_null()) {
      throw DataError("'" + std::string(name) + "' is " + document.at(name).dump().substr(0, 80) +
                      ", known is " + value.dump());
    }
  }
}

}  // namespace

std::string write_hugging_face_config(const ModelConfig& config, const std::string& architecture,
                                      std::int64_t pad_token_id) {
  ordered_json document;
  document["architectures"] = ordered_json::array({architecture});
  document["model_type"] = "bert";
  document.update(model_fields(config));
  document["dtype"] = "float32";
  document["tie_word_embeddings"] = true;
  if (pad_token_id >= 0) {
    document["pad_token_id"] = pad_token_id;
  }
  return document.dump(2) + "\n";
}

std::string parse_architecture(std::string_view text) {
  const json document = parse_strict_json(text);
  if (document.is_object() && document.contains("architectures")) {
    const json& names = document.at("architectures");
    for (const char* known : {kPretrainingArchitecture, kQuestionAnsweringArchitecture}) {
      if (names == json::array({known})) {
        return known;
      }
    }
  }
  throw DataError("'architectures' is not one of ours");
}

ModelConfig parse_hugging_face_config(std::string_view text) {
  const json document = parse_strict_json(text);
  ModelConfig config;
  config.vocab_size = required_count(document, "vocab_size");
  config.hidden_size = required_count(document, "hidden_size");
  config.num_hidden_layers = required_count(document, "num_hidden_layers");
  config.num_attention_heads = required_count(document, "num_attention_heads");
  config.intermediate_size = required_count(document, "intermediate_size");
  config.hidden_dropout_prob = required_number(document, "hidden_dropout_prob");
  config.attention_probs_dropout_prob = required_number(document, "attention_probs_dropout_prob");
  config.max_position_embeddings = required_count(document, "max_position_embeddings");
  config.type_vocab_size = required_count(document, "type_vocab_size");
  config.layer_norm_eps = required_number(document, "layer_norm_eps");
  config.initializer_range = required_number(document, "initializer_range");
  const std::string activation = required_text(document, "hidden_act");
  if (activation != "gelu" && activation != "gelu_new") {
    throw DataError("'hidden_act' is '" + activation.substr(0, 40) +
                    "', known are gelu and gelu_new");
  }
  config.hidden_act = activation == "gelu" ? Activation::gelu : Activation::gelu_new;
  return config;
}

ForeignConfig parse_foreign_config(std::string_view text) {
  const json document = parse_strict_json(text);
  if (const std::string type = required_text(document, "model_type"); type != "bert") {
    throw DataError("'model_type' is '" + type.substr(0, 40) + "', not bert");
  }
  refuse_other_networks(document);
  ForeignConfig config{
      parse_hugging_face_config(text),
      document.contains("tie_word_embeddings") && !required_flag(document, "tie_word_embeddings")};
  RangeCheck check;
  visit_fields(check, config.model);
  if (config.model.vocab_size == 0) {
    throw DataError("'vocab_size' is 0");
  }
  if (config.model.hidden_size % config.model.num_attention_heads != 0) {
    throw DataError("'num_attention_heads' does not divide 'hidden_size'");
  }
  return config;
}

std::string describe_model_differences(const ModelConfig& saved, const ModelConfig& now) {
  const ordered_json saved_fields = model_fields(saved);
  const ordered_json fields_now = model_fields(now);
  std::string differences;
  for (const auto& [name, value] : saved_fields.items()) {
    if (value != fields_now.at(name)) {
      differences += (differences.empty() ? "" : "; ") + name + ": " + value.dump() +
                     " in the checkpoint, " + fields_now.at(name).dump() + " now";
    }
  }
  return differences;
}

}  // namespace lambert
