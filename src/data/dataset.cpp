// SPDX-License-Identifier: Apache-2.0
#include "data/dataset.h"

#include <algorithm>
#include <limits>
#include <set>

#include <nlohmann/json.hpp>

#include "base/file_system.h"
#include "data/json_fields.h"
#include "data/shard_format.h"

namespace lambert {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

constexpr std::int64_t kNoLimit = std::numeric_limits<std::int64_t>::max();
/// 100 bytes a shard: room for a hundred thousand of them.
constexpr std::uint64_t kIndexLimitBytes = std::uint64_t{16} << 20;

/// One name inside the folder: nothing that could lead out of it.
bool is_plain_file_name(const std::string& name) {
  return !name.empty() && name != "." && name != ".." && name != kDatasetIndexFile &&
         name.find('/') == std::string::npos && name.find('\0') == std::string::npos;
}

std::string file_name(const JsonFields& fields, const char* key) {
  std::string name = fields.text(key);
  if (!is_plain_file_name(name)) {
    fields.fail(key, "expected the plain name of a file in the folder");
  }
  return name;
}

std::string hash(const JsonFields& fields, const char* key) {
  constexpr std::size_t kDigits = 32;
  std::string text = fields.text(key);
  if (text.size() != kDigits || text.find_first_not_of("0123456789abcdef") != std::string::npos) {
    fields.fail(key, "expected 32 hexadecimal digits");
  }
  return text;
}

void read_tokenizer(const JsonFields& fields, DatasetInfo& info) {
  fields.expect_keys({"type", "file", "vocabulary_hash", "cased", "vocab_size"});
  info.tokenizer_type = fields.text("type");
  if (info.tokenizer_type != "wordpiece" && info.tokenizer_type != "sentencepiece") {
    fields.fail("type", "expected wordpiece or sentencepiece");
  }
  info.tokenizer_file = file_name(fields, "file");
  info.vocabulary_hash = hash(fields, "vocabulary_hash");
  info.cased = fields.boolean("cased");
  info.vocab_size = fields.integer("vocab_size", 1, std::numeric_limits<std::int32_t>::max());
}

SpecialTokens read_special_tokens(const JsonFields& fields, std::int64_t vocab_size) {
  fields.expect_keys({"pad", "unknown", "cls", "sep", "mask"});
  const auto id = [&](const char* key) {
    return static_cast<std::int32_t>(fields.integer(key, 0, vocab_size - 1));
  };
  return {.pad = id("pad"),
          .unknown = id("unknown"),
          .cls = id("cls"),
          .sep = id("sep"),
          .mask = id("mask")};
}

std::vector<DatasetInfo::Shard> read_shards(const JsonFields& index, const fs::path& file) {
  const json& list = index.member("shards");
  if (!list.is_array() || list.empty()) {
    index.fail("shards", "expected a list of at least one shard");
  }
  std::vector<DatasetInfo::Shard> shards;
  std::set<std::string> names;
  for (const json& entry : list) {
    const JsonFields fields(entry, file, "shards[" + std::to_string(shards.size()) + "]");
    fields.expect_keys({"file", "example_count", "hash"});
    shards.push_back({file_name(fields, "file"), fields.integer("example_count", 1, kNoLimit),
                      hash(fields, "hash")});
    if (!names.insert(shards.back().file).second) {
      fields.fail("file", shards.back().file + " is listed twice");
    }
  }
  return shards;
}

void check_example_count(const JsonFields& index, const DatasetInfo& info) {
  std::int64_t remaining = info.example_count;
  for (const DatasetInfo::Shard& shard : info.shards) {
    if (shard.example_count > remaining) {
      index.fail("example_count",
                 std::to_string(info.example_count) + ", but the shards hold more");
    }
    remaining -= shard.example_count;
  }
  if (remaining != 0) {
    index.fail("example_count", std::to_string(info.example_count) + ", but the shards hold " +
                                    std::to_string(info.example_count - remaining));
  }
}

}  // namespace

DatasetInfo read_dataset_info(const fs::path& folder) {
  const fs::path file = folder / kDatasetIndexFile;
  const json document = JsonFields::parse(read_file(file, kIndexLimitBytes), file);
  const JsonFields index(document, file, "");
  DatasetInfo info;
  const std::int64_t version = index.integer("format_version", 1, kNoLimit);
  if (version != info.format_version) {
    index.fail("format_version", "expected " + std::to_string(info.format_version) + ", found " +
                                     std::to_string(version) +
                                     " (made by another version of lambert)");
  }
  index.expect_keys({"format_version", "tokenizer", "max_seq_length", "special_tokens",
                     "document_count", "sentence_count", "example_count", "shards"});
  read_tokenizer(JsonFields(index.member("tokenizer"), file, "tokenizer"), info);
  info.max_seq_length = index.integer("max_seq_length", 1, kShardMaxSequenceLength);
  info.special_tokens = read_special_tokens(
      JsonFields(index.member("special_tokens"), file, "special_tokens"), info.vocab_size);
  info.document_count = index.integer("document_count", 0, kNoLimit);
  info.sentence_count = index.integer("sentence_count", 0, kNoLimit);
  info.example_count = index.integer("example_count", 1, kNoLimit);
  info.shards = read_shards(index, file);
  check_example_count(index, info);
  return info;
}

std::string write_dataset_info(const DatasetInfo& info) {
  using nlohmann::ordered_json;
  ordered_json index;
  index["format_version"] = info.format_version;
  index["tokenizer"] = {{"type", info.tokenizer_type},
                        {"file", info.tokenizer_file},
                        {"vocabulary_hash", info.vocabulary_hash},
                        {"cased", info.cased},
                        {"vocab_size", info.vocab_size}};
  index["max_seq_length"] = info.max_seq_length;
  const SpecialTokens& special = info.special_tokens;
  index["special_tokens"] = {{"pad", special.pad},
                             {"unknown", special.unknown},
                             {"cls", special.cls},
                             {"sep", special.sep},
                             {"mask", special.mask}};
  index["document_count"] = info.document_count;
  index["sentence_count"] = info.sentence_count;
  index["example_count"] = info.example_count;
  index["shards"] = ordered_json::array();
  for (const DatasetInfo::Shard& shard : info.shards) {
    index["shards"].push_back(
        {{"file", shard.file}, {"example_count", shard.example_count}, {"hash", shard.hash}});
  }
  return index.dump(2) + "\n";
}

}  // namespace lambert
