// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <optional>

#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/file_system.h"
#include "text/sentencepiece_tokenizer.h"
#include "text/tokenizer.h"
#include "text/wordpiece.h"

namespace lambert {
namespace {

namespace fs = std::filesystem;

std::string list_names(const std::vector<fs::path>& files) {
  std::string names;
  for (const fs::path& file : files) {
    names += (names.empty() ? "" : ", ") + file.filename().string();
  }
  return names;
}

/// The one tokenizer file of a folder.
fs::path find_tokenizer_file(const fs::path& folder) {
  std::vector<fs::path> found;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(folder, error)) {
    if (entry.path().filename() == "vocab.txt" || entry.path().extension() == ".model") {
      found.push_back(entry.path());
    }
  }
  if (error) {
    throw DataError("looking for a tokenizer in " + folder.string() + ": " + error.message() +
                    "; give a readable folder");
  }
  std::sort(found.begin(), found.end());
  if (found.size() != 1) {
    throw DataError("looking for a tokenizer in " + folder.string() + ": " +
                    (found.empty() ? "no vocab.txt and no .model file"
                                   : "more than one (" + list_names(found) + ")") +
                    "; give the file itself");
  }
  return found.front();
}

}  // namespace

std::optional<bool> recorded_casing(const fs::path& folder) {
  const fs::path file = folder / "tokenizer_config.json";
  if (!fs::exists(file)) {
    return std::nullopt;
  }
  constexpr std::uint64_t kMaxConfigBytes = 16ULL << 20U;
  const auto config = nlohmann::json::parse(read_file(file, kMaxConfigBytes), nullptr, false);
  if (!config.is_object()) {
    throw DataError("reading " + file.string() + ": no JSON object; repair or delete the file");
  }
  const auto lower = config.find("do_lower_case");
  if (lower == config.end() || !lower->is_boolean()) {
    return std::nullopt;
  }
  return !lower->get<bool>();
}

std::unique_ptr<Tokenizer> load_tokenizer(const fs::path& path, bool cased) {
  std::error_code error;
  if (!fs::is_directory(path, error)) {
    if (path.extension() == ".model") {
      return std::make_unique<SentencePieceTokenizer>(path);
    }
    return std::make_unique<WordPieceTokenizer>(path, cased);
  }
  const fs::path file = find_tokenizer_file(path);
  if (file.extension() == ".model") {
    return std::make_unique<SentencePieceTokenizer>(file);
  }
  const bool casing = recorded_casing(path).value_or(cased);
  if (cased && !casing) {
    throw DataError(
        "loading tokenizer " + path.string() +
        ": tokenizer_config.json says that it lower-cases, --cased says that it does not; leave "
        "--cased away or give the vocab.txt itself");
  }
  return std::make_unique<WordPieceTokenizer>(file, casing);
}

}  // namespace lambert
