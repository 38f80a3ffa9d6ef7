// SPDX-License-Identifier: Apache-2.0
#include "checkpoint/certificate.h"

#include <algorithm>
#include <span>

#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/file_system.h"
#include "base/hash.h"
#include "checkpoint/strict_json.h"

namespace lambert {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;
using nlohmann::ordered_json;

constexpr std::uint64_t kLargestCertificate = std::uint64_t{64} << 20;
constexpr std::string_view kSelfHashKey = "  \"self_sha256\": \"";
constexpr std::string_view kEnd = "\"\n}\n";

std::string hash_of_text(std::string_view text) {
  return sha256_hex(std::as_bytes(std::span(text)));
}

/// A list with one entry on a line.
std::string write_lines(const std::vector<ordered_json>& entries) {
  std::string text = "[";
  for (const ordered_json& entry : entries) {
    text += (text.size() == 1 ? "\n    " : ",\n    ") + entry.dump();
  }
  return text + "\n  ]";
}

ordered_json to_json(const CertifiedSequence& sequence) {
  ordered_json entry = {{"input_ids", sequence.input_ids},
                        {"token_type_ids", sequence.token_type_ids}};
  if (!sequence.mlm_positions.empty()) {
    entry["mlm_positions"] = sequence.mlm_positions;
  }
  entry["logits"] = sequence.logits;
  return entry;
}

[[noreturn]] void refuse(const fs::path& folder, const std::string& file,
                         const std::string& found) {
  throw DataError("verifying " + folder.string() + ": " + file + ": " + found +
                  "; export the model again, or fetch the folder again");
}

/// A list of numbers that fit the type: nlohmann would cut others silently.
template <class Number>
std::vector<Number> required_numbers(const json& object, const char* name) {
  std::vector<Number> numbers;
  if (!object.contains(name) || !object.at(name).is_array()) {
    throw DataError("'" + std::string(name) + "' is not a list");
  }
  for (const json& value : object.at(name)) {
    if constexpr (std::is_integral_v<Number>) {
      if (!value.is_number_unsigned() ||
          value.get<std::uint64_t>() > std::uint64_t{std::numeric_limits<Number>::max()}) {
        throw DataError("'" + std::string(name) + "' holds " + value.dump().substr(0, 40));
      }
    } else if (!value.is_number()) {
      throw DataError("'" + std::string(name) + "' holds " + value.dump().substr(0, 40));
    }
    numbers.push_back(value.get<Number>());
  }
  return numbers;
}

const json& required_list(const json& object, const char* name) {
  if (!object.contains(name) || !object.at(name).is_array()) {
    throw DataError("'" + std::string(name) + "' is not a list");
  }
  return object.at(name);
}

CertifiedSequence parse_sequence(const json& entry) {
  CertifiedSequence sequence;
  sequence.input_ids = required_numbers<std::int32_t>(entry, "input_ids");
  sequence.token_type_ids = required_numbers<std::int32_t>(entry, "token_type_ids");
  if (entry.contains("mlm_positions")) {
    sequence.mlm_positions = required_numbers<std::int32_t>(entry, "mlm_positions");
  }
  if (sequence.input_ids.empty() || sequence.input_ids.size() != sequence.token_type_ids.size()) {
    throw DataError("'input_ids' and 'token_type_ids' do not fit each other");
  }
  if (!entry.contains("logits") || !entry.at("logits").is_object()) {
    throw DataError("'logits' is missing");
  }
  for (const auto& [head, values] : entry.at("logits").items()) {
    sequence.logits[head] = required_numbers<float>(entry.at("logits"), head.c_str());
  }
  return sequence;
}

Certificate parse_certificate(std::string_view text) {
  const std::size_t mark = text.rfind(kSelfHashKey);
  if (mark == std::string_view::npos ||
      text.substr(mark + kSelfHashKey.size()) !=
          hash_of_text(text.substr(0, mark)) + std::string(kEnd)) {
    throw DataError("it does not end with the hash of its own text");
  }
  const json document = parse_strict_json(text);
  if (const std::int64_t version = required_count(document, "format_version");
      version != kCertificateFormatVersion) {
    throw DataError("'format_version' is " + std::to_string(version) + ", known is " +
                    std::to_string(kCertificateFormatVersion));
  }
  Certificate certificate;
  certificate.architecture = required_text(document, "architecture");
  for (const json& file : required_list(document, "files")) {
    certificate.files.push_back({required_text(file, "name"),
                                 static_cast<std::uint64_t>(required_count(file, "bytes")),
                                 required_text(file, "sha256")});
  }
  certificate.mlm_token_ids = required_numbers<std::int64_t>(document, "mlm_token_ids");
  for (const json& entry : required_list(document, "sequences")) {
    certificate.sequences.push_back(parse_sequence(entry));
  }
  if (certificate.files.empty() || certificate.sequences.empty()) {
    throw DataError("it certifies nothing");
  }
  return certificate;
}

}  // namespace

std::vector<CertifiedFile> hash_files(const fs::path& folder) {
  std::vector<CertifiedFile> files;
  std::error_code error;
  for (const fs::directory_entry& entry : fs::directory_iterator(folder, error)) {
    const std::string name = entry.path().filename().string();
    if (name == kCertificateFile || name.starts_with(".")) {
      continue;
    }
    if (!entry.is_regular_file(error)) {
      refuse(folder, name, "not a file");
    }
    files.push_back({name, entry.file_size(error), sha256_hex_of_file(entry.path())});
  }
  if (error) {
    throw DataError("listing " + folder.string() + ": " + error.message() +
                    "; give a folder written by lambert export hf");
  }
  std::sort(files.begin(), files.end(), [](const CertifiedFile& left, const CertifiedFile& right) {
    return left.name < right.name;
  });
  return files;
}

std::string write_certificate(const Certificate& certificate) {
  std::vector<ordered_json> files;
  for (const CertifiedFile& file : certificate.files) {
    files.push_back({{"name", file.name}, {"bytes", file.bytes}, {"sha256", file.sha256}});
  }
  std::vector<ordered_json> sequences;
  for (const CertifiedSequence& sequence : certificate.sequences) {
    sequences.push_back(to_json(sequence));
  }
  std::string text = "{\n  \"format_version\": " + std::to_string(kCertificateFormatVersion) +
                     ",\n  \"architecture\": " + ordered_json(certificate.architecture).dump() +
                     ",\n  \"files\": " + write_lines(files) +
                     ",\n  \"mlm_token_ids\": " + ordered_json(certificate.mlm_token_ids).dump() +
                     ",\n  \"sequences\": " + write_lines(sequences) + ",\n";
  const std::string hash = hash_of_text(text);
  return text + std::string(kSelfHashKey) + hash + std::string(kEnd);
}

Certificate read_certificate(const fs::path& folder) {
  const std::string text = read_file(folder / kCertificateFile, kLargestCertificate);
  try {
    return parse_certificate(text);
  } catch (const DataError& error) {
    refuse(folder, kCertificateFile, error.what());
  }
}

void verify_files(const fs::path& folder, const Certificate& certificate) {
  std::map<std::string, CertifiedFile> found;
  for (CertifiedFile& file : hash_files(folder)) {
    found[file.name] = std::move(file);
  }
  for (const CertifiedFile& file : certificate.files) {
    const auto at = found.find(file.name);
    if (at == found.end()) {
      refuse(folder, file.name, "missing");
    }
    if (at->second.bytes != file.bytes || at->second.sha256 != file.sha256) {
      refuse(folder, file.name,
             "SHA-256 " + at->second.sha256 + ", the certificate says " + file.sha256);
    }
    found.erase(at);
  }
  if (!found.empty()) {
    refuse(folder, found.begin()->first, "not in the certificate");
  }
}

}  // namespace lambert
