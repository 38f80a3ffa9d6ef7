// SPDX-License-Identifier: Apache-2.0
#include "checkpoint/tokenizer_json.h"

#include <algorithm>

#include <nlohmann/json.hpp>

#include "base/error.h"
#include "checkpoint/base64.h"
#include "checkpoint/bpe_merges.h"

namespace lambert {
namespace {

using nlohmann::ordered_json;

constexpr const char* kSpaceMark = "\xE2\x96\x81";  // U+2581

struct SpecialToken {
  const char* role;  // "cls_token"
  std::string text;
  std::int64_t id = -1;
};

ordered_json added_tokens(std::vector<SpecialToken> tokens) {
  std::sort(tokens.begin(), tokens.end(),
            [](const SpecialToken& one, const SpecialToken& other) { return one.id < other.id; });
  ordered_json list = ordered_json::array();
  for (const SpecialToken& token : tokens) {
    list.push_back({{"id", token.id},
                    {"content", token.text},
                    {"single_word", false},
                    {"lstrip", false},
                    {"rstrip", false},
                    {"normalized", false},
                    {"special", true}});
  }
  return list;
}

const SpecialToken& token_of(const std::vector<SpecialToken>& tokens, std::string_view role) {
  return *std::find_if(tokens.begin(), tokens.end(),
                       [&](const SpecialToken& token) { return token.role == role; });
}

/// [CLS] A [SEP] and [CLS] A [SEP] B [SEP].
ordered_json template_processing(const std::vector<SpecialToken>& tokens) {
  const SpecialToken& cls = token_of(tokens, "cls_token");
  const SpecialToken& sep = token_of(tokens, "sep_token");
  const auto special = [](const SpecialToken& token, int type) {
    return ordered_json{{"SpecialToken", {{"id", token.text}, {"type_id", type}}}};
  };
  const auto sequence = [](const char* name, int type) {
    return ordered_json{{"Sequence", {{"id", name}, {"type_id", type}}}};
  };
  const auto definition = [](const SpecialToken& token) {
    return ordered_json{{"id", token.text},
                        {"ids", ordered_json::array({token.id})},
                        {"tokens", ordered_json::array({token.text})}};
  };
  ordered_json document = {{"type", "TemplateProcessing"}};
  document["single"] = ordered_json::array({special(cls, 0), sequence("A", 0), special(sep, 0)});
  document["pair"] = ordered_json::array(
      {special(cls, 0), sequence("A", 0), special(sep, 0), sequence("B", 1), special(sep, 1)});
  document["special_tokens"] = {{cls.text, definition(cls)}, {sep.text, definition(sep)}};
  return document;
}

/// The document with its model last; `vocabulary` is the text of the model's vocab member, joined
/// by hand because an ordered document is slow to build from tens of thousands of names.
std::string assemble(const ordered_json& head, const ordered_json& model,
                     const std::string& vocabulary) {
  std::string text = head.dump();
  text.pop_back();
  std::string model_text = model.dump();
  model_text.pop_back();
  return text + ",\"model\":" + model_text + ",\"vocab\":" + vocabulary + "}}\n";
}

std::string vocabulary_object(const std::vector<std::string>& tokens) {
  std::string text = "{";
  for (std::size_t id = 0; id < tokens.size(); ++id) {
    text += (id == 0 ? "" : ",") + ordered_json(tokens[id]).dump() + ":" + std::to_string(id);
  }
  return text + "}";
}

ordered_json head_of(const std::vector<SpecialToken>& tokens, const ordered_json& normalizer,
                     const ordered_json& pre_tokenizer, const ordered_json& decoder) {
  return {{"version", "1.0"},
          {"truncation", nullptr},
          {"padding", nullptr},
          {"added_tokens", added_tokens(tokens)},
          {"normalizer", normalizer},
          {"pre_tokenizer", pre_tokenizer},
          {"post_processor", template_processing(tokens)},
          {"decoder", decoder}};
}

ordered_json tokenizer_config(const std::vector<SpecialToken>& tokens, std::int64_t max_length,
                              const char* tokenizer_class) {
  ordered_json config = {{"tokenizer_class", tokenizer_class}, {"model_max_length", max_length}};
  for (const SpecialToken& token : tokens) {
    config[token.role] = token.text;
  }
  config["model_input_names"] = {"input_ids", "token_type_ids", "attention_mask"};
  return config;
}

std::vector<std::string> split_lines(const std::string& text) {
  std::vector<std::string> lines;
  std::size_t begin = 0;
  while (begin < text.size()) {
    const std::size_t end = std::min(text.find('\n', begin), text.size());
    lines.push_back(text.substr(begin, end - begin));
    begin = end + 1;
  }
  return lines;
}

ordered_json sentencepiece_normalizer(const SentencePieceModel& model) {
  ordered_json steps = ordered_json::array();
  if (!model.character_map.empty()) {
    steps.push_back(
        {{"type", "Precompiled"}, {"precompiled_charsmap", encode_base64(model.character_map)}});
  }
  if (model.removes_extra_whitespace) {
    steps.push_back({{"type", "Strip"}, {"strip_left", true}, {"strip_right", true}});
    steps.push_back({{"type", "Replace"}, {"pattern", {{"Regex", " {2,}"}}}, {"content", " "}});
  }
  return {{"type", "Sequence"}, {"normalizers", steps}};
}

std::vector<SpecialToken> special_pieces(const SentencePieceModel& model) {
  const auto find = [&](std::initializer_list<const char*> names) -> std::int64_t {
    for (const char* name : names) {
      if (const std::int64_t id = model.find(name); id >= 0) {
        return id;
      }
    }
    throw DataError("the sentencepiece model has no piece " + std::string(*names.begin()));
  };
  const auto unknown =
      std::find_if(model.pieces.begin(), model.pieces.end(),
                   [](const SentencePiece& piece) { return piece.kind == PieceKind::unknown; });
  if (unknown == model.pieces.end()) {
    throw DataError("the sentencepiece model has no unknown piece");
  }
  std::vector<SpecialToken> tokens = {{"unk_token", unknown->text, unknown - model.pieces.begin()},
                                      {"sep_token", "[SEP]", find({"[SEP]"})},
                                      {"pad_token", "", find({"<pad>", "[PAD]"})},
                                      {"cls_token", "[CLS]", find({"[CLS]"})},
                                      {"mask_token", "[MASK]", find({"[MASK]"})}};
  tokens[2].text = model.pieces[static_cast<std::size_t>(tokens[2].id)].text;
  return tokens;
}

std::string unigram_json(const SentencePieceModel& model, const ordered_json& head,
                         std::int64_t unknown_id) {
  ordered_json vocabulary = ordered_json::array();
  for (const SentencePiece& piece : model.pieces) {
    vocabulary.push_back({piece.text, piece.score});
  }
  return assemble(
      head, {{"type", "Unigram"}, {"unk_id", unknown_id}, {"byte_fallback", model.byte_fallback}},
      vocabulary.dump());
}

std::string bpe_json(const SentencePieceModel& model, const ordered_json& head,
                     const std::string& unknown) {
  std::vector<std::string> tokens;
  for (const SentencePiece& piece : model.pieces) {
    tokens.push_back(piece.text);
  }
  ordered_json merges = ordered_json::array();
  for (const auto& [left, right] : derive_bpe_merges(model)) {
    merges.push_back({left, right});
  }
  return assemble(head,
                  {{"type", "BPE"},
                   {"dropout", nullptr},
                   {"unk_token", unknown},
                   {"continuing_subword_prefix", nullptr},
                   {"end_of_word_suffix", nullptr},
                   {"fuse_unk", true},
                   {"byte_fallback", model.byte_fallback},
                   {"ignore_merges", false},
                   {"merges", merges}},
                  vocabulary_object(tokens));
}

}  // namespace

TokenizerExport export_wordpiece(std::string vocabulary, bool cased, std::int64_t max_length) {
  const std::vector<std::string> lines = split_lines(vocabulary);
  std::vector<SpecialToken> tokens = {{"unk_token", "[UNK]"},
                                      {"sep_token", "[SEP]"},
                                      {"pad_token", "[PAD]"},
                                      {"cls_token", "[CLS]"},
                                      {"mask_token", "[MASK]"}};
  for (SpecialToken& token : tokens) {
    const auto found = std::find(lines.begin(), lines.end(), token.text);
    if (found == lines.end()) {
      throw DataError("vocab.txt has no " + token.text);
    }
    token.id = found - lines.begin();
  }
  const ordered_json normalizer = {{"type", "BertNormalizer"},
                                   {"clean_text", true},
                                   {"handle_chinese_chars", true},
                                   {"strip_accents", !cased},
                                   {"lowercase", !cased}};
  const ordered_json decoder = {{"type", "WordPiece"}, {"prefix", "##"}, {"cleanup", true}};
  const ordered_json head = head_of(tokens, normalizer, {{"type", "BertPreTokenizer"}}, decoder);
  const ordered_json model = {{"type", "WordPiece"},
                              {"unk_token", "[UNK]"},
                              {"continuing_subword_prefix", "##"},
                              {"max_input_chars_per_word", 100}};
  // Transformers builds the normaliser from these three and not from tokenizer.json.
  ordered_json config = tokenizer_config(tokens, max_length, "BertTokenizer");
  config["do_lower_case"] = !cased;
  config["strip_accents"] = !cased;
  config["tokenize_chinese_chars"] = true;
  return {"vocab.txt",
          std::move(vocabulary),
          assemble(head, model, vocabulary_object(lines)),
          config.dump(2) + "\n",
          token_of(tokens, "pad_token").id,
          true};
}

TokenizerExport export_sentencepiece(std::string model_content, std::int64_t max_length) {
  const SentencePieceModel model = parse_sentencepiece_model(model_content);
  const std::vector<SpecialToken> tokens = special_pieces(model);
  const ordered_json metaspace = {{"type", "Metaspace"},
                                  {"replacement", kSpaceMark},
                                  {"prepend_scheme", model.adds_dummy_prefix ? "always" : "never"},
                                  {"split", true}};
  ordered_json decoder = metaspace;
  if (model.byte_fallback) {
    decoder = {{"type", "Sequence"},
               {"decoders", ordered_json::array({{{"type", "ByteFallback"}}, metaspace})}};
  }
  const ordered_json head = head_of(tokens, sentencepiece_normalizer(model), metaspace, decoder);
  const SpecialToken& unknown = token_of(tokens, "unk_token");
  // The generic class: a class of its own would rebuild the pipeline from defaults.
  const ordered_json config = tokenizer_config(tokens, max_length, "PreTrainedTokenizerFast");
  return {
      "spiece.model",
      std::move(model_content),
      model.is_bpe ? bpe_json(model, head, unknown.text) : unigram_json(model, head, unknown.id),
      config.dump(2) + "\n",
      token_of(tokens, "pad_token").id,
      false};
}

}  // namespace lambert
