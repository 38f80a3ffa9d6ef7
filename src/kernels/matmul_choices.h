// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <string>

namespace lambert {

/// The size that stands for all of its class, the largest: eight classes between a power of two and
/// the next, so a class is no wider than an eighth. Counts of tokens differ from step to step, and
/// the fastest algorithm for one is about the fastest for its neighbours.
std::int64_t size_class(std::int64_t size);

/// Which algorithm of cublasLt was the fastest for a product, found by measuring once per device,
/// library and shape, and kept in a text file for the next run. Not for use by several threads.
///
/// The file: the line "lambert matmul choices 1", then a line per choice: a key, a tab, and the
/// library's description of the algorithm as eight numbers of sixteen hexadecimal digits. Several
/// processes may append to one file; of lines with one key the first counts.
class MatmulChoices {
 public:
  /// cublasLtMatmulAlgo_t.
  using Algorithm = std::array<std::uint64_t, 8>;

  std::optional<Algorithm> find(const std::string& key) const;
  /// Also appends to the file, if there is one. key: no tab, no line break. Throws StorageError.
  void keep(const std::string& key, const Algorithm& algorithm);
  /// Takes what the file holds, if it exists; keep() appends to it from now on. Throws DataError.
  void use_file(const std::string& path);

 private:
  void read_line(const std::string& line, std::int64_t number);

  std::map<std::string, Algorithm> choices_;
  std::string path_;
};

}  // namespace lambert
