// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <string>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include "app/commands.h"
#include "base/error.h"
#include "train/metrics.h"

namespace lambert {
namespace {

namespace fs = std::filesystem;

/// The record that was asked for, with the clamp hits of the whole run up to it.
struct LambTableOfRun {
  nlohmann::json record;
  std::int64_t counted_steps = 0;        // behind clamp_hits
  std::vector<std::int64_t> clamp_hits;  // per tensor of the record
};

[[noreturn]] void refuse(const fs::path& file, const std::string& found) {
  throw DataError("inspecting " + file.string() + ": " + found);
}

/// Throws DataError naming the line when it is no record of a LAMB table.
nlohmann::json parse_record(const fs::path& file, std::int64_t number, const std::string& line) {
  nlohmann::json record = nlohmann::json::parse(line, nullptr, /*allow_exceptions=*/false);
  const auto is_integer = [&](const char* key) {
    return record.contains(key) && record[key].is_number_integer();
  };
  const bool has_head = record.is_object() && is_integer("global_step") && is_integer("steps") &&
                        record.contains("tensors") && record["tensors"].is_array();
  if (!has_head) {
    refuse(file, "line " + std::to_string(number) +
                     " is no record of the table; remove the line, or the file to start it anew");
  }
  return record;
}

LambTableOfRun read_table(const fs::path& run, std::int64_t wanted_step) {
  const fs::path file = run / kLambTableFile;
  std::ifstream stream(file);
  if (!stream) {
    refuse(file, fs::is_directory(run)
                     ? "it is not there; train with logging.log_lamb_table=true"
                     : "there is no such run directory; give the output_dir of a run");
  }
  LambTableOfRun table;
  std::int64_t number = 0;
  for (std::string line; std::getline(stream, line);) {
    if (stream.eof()) {
      break;  // no line end: a record that is being written, or was when the run was killed
    }
    nlohmann::json record = parse_record(file, ++number, line);
    if (wanted_step > 0 && record["global_step"].get<std::int64_t>() > wanted_step) {
      break;
    }
    const nlohmann::json& tensors = record["tensors"];
    table.clamp_hits.resize(tensors.size(), 0);
    for (std::size_t index = 0; index < tensors.size(); ++index) {
      table.clamp_hits[index] += tensors[index].value("clamp_hits", std::int64_t{0});
    }
    table.counted_steps += record["steps"].get<std::int64_t>();
    table.record = std::move(record);
  }
  if (table.record.is_null()) {
    refuse(file, number == 0 ? "it is empty; the first logging step writes it"
                             : "the first record is of a later step than " +
                                   std::to_string(wanted_step) + "; give a later --step");
  }
  return table;
}

std::string text_of(const nlohmann::json& number) {
  if (!number.is_number()) {
    return number.is_string() ? number.get<std::string>() : "?";  // "nan", "inf"
  }
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "%.4g", number.get<double>());
  return text.data();
}

void print_table(const LambTableOfRun& table) {
  const nlohmann::json& record = table.record;
  std::size_t width = 6;
  for (const nlohmann::json& tensor : record["tensors"]) {
    width = std::max(width, tensor.value("name", "?").size());
  }
  std::cout << "step " << record["global_step"] << ", phase " << record.value("phase", "?")
            << "; clamp hits of " << table.counted_steps << " steps\n";
  std::printf("%-*s %12s %12s %12s %11s\n", static_cast<int>(width), "tensor", "weight norm",
              "update norm", "trust ratio", "clamp hits");
  for (std::size_t index = 0; index < record["tensors"].size(); ++index) {
    const nlohmann::json& tensor = record["tensors"][index];
    const bool is_adapted = tensor.value("adapted", false);
    std::printf("%-*s %12s %12s %12s %11lld\n", static_cast<int>(width),
                tensor.value("name", "?").c_str(),
                text_of(tensor.value("weight_norm", nlohmann::json())).c_str(),
                text_of(tensor.value("update_norm", nlohmann::json())).c_str(),
                is_adapted ? text_of(tensor.value("trust_ratio", nlohmann::json())).c_str() : "-",
                static_cast<long long>(table.clamp_hits[index]));
  }
}

void print_json(LambTableOfRun table) {
  table.record["steps"] = table.counted_steps;
  for (std::size_t index = 0; index < table.clamp_hits.size(); ++index) {
    table.record["tensors"][index]["clamp_hits"] = table.clamp_hits[index];
  }
  std::cout << table.record.dump(2) << "\n";
}

}  // namespace

int run_inspect_lamb(const InspectLambOptions& options) {
  const LambTableOfRun table = read_table(options.run, options.step);
  options.json ? print_json(table) : print_table(table);
  return 0;
}

}  // namespace lambert
