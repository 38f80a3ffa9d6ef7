// SPDX-License-Identifier: Apache-2.0
#include "checkpoint/manifest.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <set>

#include "base/error.h"
#include "base/file_system.h"
#include "checkpoint/strict_json.h"

namespace lambert {
namespace {

using nlohmann::json;
using nlohmann::ordered_json;

constexpr std::uint64_t kMaxManifestBytes = 1 << 20;
constexpr std::string_view kPrefix = "checkpoint-";

ordered_json state_to_json(const TrainState& state) {
  ordered_json object = {
      {"global_step", state.global_step},         {"phase_index", state.phase_index},
      {"step_in_phase", state.step_in_phase},     {"samples_seen", state.samples_seen},
      {"optimizer_steps", state.optimizer_steps}, {"skipped_steps", state.skipped_steps}};
  if (state.loss_scale > 0.0) {
    object["loss_scale"] = state.loss_scale;
    object["finite_steps"] = state.finite_steps;
  }
  return object;
}

/// Both or neither: a run without loss scaling has none.
void read_loss_scale(const json& object, TrainState& state) {
  if (!object.contains("loss_scale") && !object.contains("finite_steps")) {
    return;
  }
  state.loss_scale = required_number(object, "loss_scale");
  if (!(state.loss_scale > 0.0) || !std::isfinite(state.loss_scale)) {
    throw DataError("'loss_scale' is not a number above zero");
  }
  state.finite_steps = required_count(object, "finite_steps");
}

TrainState state_from_json(const json& object) {
  TrainState state;
  state.global_step = required_count(object, "global_step");
  state.phase_index = required_count(object, "phase_index");
  state.step_in_phase = required_count(object, "step_in_phase");
  state.samples_seen = required_count(object, "samples_seen");
  state.optimizer_steps = required_count(object, "optimizer_steps");
  state.skipped_steps = required_count(object, "skipped_steps");
  read_loss_scale(object, state);
  return state;
}

bool is_plain_name(const std::string& name) {
  const bool plain = std::all_of(name.begin(), name.end(), [](char letter) {
    return letter != '/' && letter != '\\' && static_cast<unsigned char>(letter) >= 0x20;
  });
  return plain && !name.empty() && name.size() <= 200 && name != "." && name != "..";
}

std::string lower_case(std::string name) {
  std::transform(name.begin(), name.end(), name.begin(), [](char letter) {
    return letter >= 'A' && letter <= 'Z' ? static_cast<char>(letter - 'A' + 'a') : letter;
  });
  return name;
}

std::vector<ManifestFile> files_from_json(const json& list) {
  if (!list.is_array()) {
    throw DataError("'files' is not a list");
  }
  std::vector<ManifestFile> files;
  std::set<std::string> names = {kManifestFile};
  for (const json& item : list) {
    ManifestFile file{required_text(item, "name"),
                      static_cast<std::uint64_t>(required_count(item, "bytes")),
                      required_text(item, "xxh3_128")};
    if (!is_plain_name(file.name)) {
      throw DataError("'" + file.name.substr(0, 200) + "' is not a plain file name");
    }
    if (!names.insert(lower_case(file.name)).second) {
      throw DataError("the file '" + file.name + "' is listed twice");
    }
    files.push_back(std::move(file));
  }
  for (const char* required :
       {kModelFile, kOptimizerFile, kModelConfigFile, kRunConfigFile, kTrainStateFile}) {
    if (!names.contains(required)) {
      throw DataError("the file '" + std::string(required) + "' is not listed");
    }
  }
  return files;
}

}  // namespace

std::string write_manifest(const Manifest& manifest) {
  ordered_json document;
  document["format_version"] = kCheckpointFormatVersion;
  document["state"] = state_to_json(manifest.state);
  document["rank_count"] = manifest.rank_count;
  document["vocabulary_hash"] = manifest.vocabulary_hash;
  document["cased"] = manifest.cased;
  document["files"] = ordered_json::array();
  for (const ManifestFile& file : manifest.files) {
    document["files"].push_back(
        {{"name", file.name}, {"bytes", file.bytes}, {"xxh3_128", file.xxh3_128}});
  }
  return document.dump(2) + "\n";
}

Manifest parse_manifest(std::string_view text) {
  const json document = parse_strict_json(text);
  const std::int64_t version = required_count(document, "format_version");
  if (version != kCheckpointFormatVersion) {
    throw DataError("format version " + std::to_string(version) + ", this program reads " +
                    std::to_string(kCheckpointFormatVersion));
  }
  if (!document.contains("state") || !document.contains("files")) {
    throw DataError("'state' or 'files' is missing");
  }
  Manifest manifest;
  manifest.state = state_from_json(document.at("state"));
  manifest.rank_count = required_count(document, "rank_count");
  manifest.vocabulary_hash = required_text(document, "vocabulary_hash");
  manifest.cased = required_flag(document, "cased");
  manifest.files = files_from_json(document.at("files"));
  return manifest;
}

Manifest read_manifest(const std::filesystem::path& checkpoint) {
  const std::filesystem::path path = checkpoint / kManifestFile;
  std::error_code error;
  if (!std::filesystem::is_regular_file(std::filesystem::symlink_status(path, error))) {
    throw DataError("no manifest.json");
  }
  const std::string text = read_file(path, kMaxManifestBytes);
  try {
    return parse_manifest(text);
  } catch (const DataError& problem) {
    throw DataError("manifest.json: " + std::string(problem.what()));
  }
}

std::string write_train_state(const TrainState& state) {
  return state_to_json(state).dump(2) + "\n";
}

TrainState parse_train_state(std::string_view text) {
  return state_from_json(parse_strict_json(text));
}

std::string checkpoint_name(std::int64_t global_step) {
  const std::string digits = std::to_string(global_step);
  return std::string(kPrefix) + std::string(digits.size() < 8 ? 8 - digits.size() : 0, '0') +
         digits;
}

std::int64_t step_of_checkpoint_name(std::string_view name) {
  if (!name.starts_with(kPrefix)) {
    return -1;
  }
  const std::string_view digits = name.substr(kPrefix.size());
  std::int64_t step = -1;
  const auto result = std::from_chars(digits.data(), digits.data() + digits.size(), step);
  const bool whole = result.ec == std::errc() && result.ptr == digits.data() + digits.size();
  return whole && step >= 0 && checkpoint_name(step) == name ? step : -1;
}

}  // namespace lambert
