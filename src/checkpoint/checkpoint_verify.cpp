// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "base/error.h"
#include "base/hash.h"
#include "checkpoint/checkpoint.h"
#include "checkpoint/manifest.h"

namespace lambert {
namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t kMaxTrainStateBytes = 1 << 16;

/// Links are refused: a checkpoint must not make us read what lies elsewhere.
void check_file(const fs::path& checkpoint, const ManifestFile& file) {
  const fs::path path = checkpoint / file.name;
  std::error_code error;
  const fs::file_status status = fs::symlink_status(path, error);
  if (!fs::exists(status)) {
    throw DataError(file.name + " is missing");
  }
  if (!fs::is_regular_file(status)) {
    throw DataError(file.name + " is not a regular file");
  }
  const std::uint64_t bytes = fs::file_size(path, error);
  if (error || bytes != file.bytes) {
    throw DataError(file.name + " has " + std::to_string(bytes) + " bytes, the manifest says " +
                    std::to_string(file.bytes));
  }
  const std::string hash = hash128_hex_of_file(path);
  if (hash != file.xxh3_128) {
    throw DataError(file.name + ": hash " + hash + " found in bytes 0 to " + std::to_string(bytes) +
                    ", " + file.xxh3_128.substr(0, 32) + " expected");
  }
}

void check_nothing_else(const fs::path& checkpoint, const Manifest& manifest) {
  for (const fs::directory_entry& entry : fs::directory_iterator(checkpoint)) {
    const std::string name = entry.path().filename().string();
    const bool listed =
        name == kManifestFile || std::any_of(manifest.files.begin(), manifest.files.end(),
                                             [&](const ManifestFile& f) { return f.name == name; });
    if (!listed) {
      throw DataError(name + " is not listed in the manifest");
    }
  }
}

void check(const fs::path& checkpoint, TrainState* state) {
  std::error_code error;
  if (!fs::is_directory(checkpoint, error)) {
    throw DataError("not a directory");
  }
  const std::string name = checkpoint.filename().string();
  if (name.ends_with(".partial")) {
    throw DataError("not committed");
  }
  const Manifest manifest = read_manifest(checkpoint);
  const std::int64_t step = step_of_checkpoint_name(name);
  if (step >= 0 && step != manifest.state.global_step) {
    throw DataError("the manifest is of step " + std::to_string(manifest.state.global_step));
  }
  check_nothing_else(checkpoint, manifest);
  for (const ManifestFile& file : manifest.files) {
    check_file(checkpoint, file);
  }
  const TrainState stored =
      parse_train_state(read_file(checkpoint / kTrainStateFile, kMaxTrainStateBytes));
  if (!(stored == manifest.state)) {
    throw DataError("train_state.json and the manifest disagree");
  }
  if (state != nullptr) {
    *state = manifest.state;
  }
}

}  // namespace

std::string verify_checkpoint(const fs::path& path, TrainState* state) {
  // A trailing slash would leave the name empty.
  const fs::path checkpoint = path.has_filename() ? path : path.parent_path();
  try {
    check(checkpoint, state);
  } catch (const DataError& problem) {
    return problem.what();
  } catch (const fs::filesystem_error& problem) {
    return problem.what();
  }
  return {};
}

}  // namespace lambert
