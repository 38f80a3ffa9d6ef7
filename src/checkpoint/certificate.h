// SPDX-License-Identifier: Apache-2.0
// certificate.json of an exported folder: the hash of every file, fixed inputs and our logits for
// them. Grammar and example in docs/import_export.md.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

namespace lambert {

inline constexpr std::int64_t kCertificateFormatVersion = 1;
inline constexpr const char* kCertificateFile = "certificate.json";

struct CertifiedFile {
  std::string name;  // plain name, no folder
  std::uint64_t bytes = 0;
  std::string sha256;  // 64 hexadecimal digits, as sha256sum prints them
};

/// One sequence of L tokens and the logits of every head.
struct CertifiedSequence {
  std::vector<std::int32_t> input_ids;       // L
  std::vector<std::int32_t> token_type_ids;  // L
  std::vector<std::int32_t> mlm_positions;   // M, empty without that head
  /// "mlm": M x mlm_token_ids, row after row, and "nsp": 2; or "start": L and "end": L. fp32.
  std::map<std::string, std::vector<float>> logits;
};

struct Certificate {
  std::string architecture;
  std::vector<CertifiedFile> files;         // all but the certificate, by name
  std::vector<std::int64_t> mlm_token_ids;  // entries of the vocabulary whose logits are listed
  std::vector<CertifiedSequence> sequences;
};

/// Every file of the folder but the certificate and names that start with a dot. Throws DataError.
std::vector<CertifiedFile> hash_files(const std::filesystem::path& folder);

/// Text that ends with the hash of what stands before it. Every number is exact.
std::string write_certificate(const Certificate& certificate);

/// Throws DataError naming file and field; also when the text does not have its own hash.
Certificate read_certificate(const std::filesystem::path& folder);

/// Throws DataError naming the first file that is missing, changed or not listed.
void verify_files(const std::filesystem::path& folder, const Certificate& certificate);

}  // namespace lambert
