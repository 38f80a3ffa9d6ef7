// SPDX-License-Identifier: Apache-2.0
// TensorBoard's event file: TFRecords (length, masked CRC-32C of it, data, masked CRC-32C of it) of
// Event messages (tensorflow/core/lib/io/record_writer.cc, tensorflow/core/util/event.proto).
#pragma once

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace lambert {

class TensorBoardWriter {
 public:
  /// Creates folder/events.out.tfevents.<time>.<host>.<pid>. first_step > 0 tells TensorBoard to
  /// drop what earlier files say about that step and later ones. Never throws: a disk that fails
  /// costs the curves, not the run.
  TensorBoardWriter(const std::filesystem::path& folder, std::int64_t first_step);

  void write_scalars(std::int64_t step, const std::vector<std::pair<std::string, double>>& scalars);
  /// Nothing for an empty list. values: finite.
  void write_histogram(std::int64_t step, const std::string& tag,
                       const std::vector<double>& values);
  bool healthy() const { return static_cast<bool>(file_); }

 private:
  void write_record(std::string_view event);

  std::ofstream file_;
};

}  // namespace lambert
