// SPDX-License-Identifier: Apache-2.0
#include "base/error.h"
#include "base/hash.h"
#include "base/log.h"
#include "checkpoint/checkpoint.h"
#include "checkpoint/hugging_face_config.h"
#include "checkpoint/manifest.h"

namespace lambert {
namespace {

namespace fs = std::filesystem;

// Headers, JSON files and directory blocks on top of the tensors.
constexpr std::uint64_t kSpareBytes = std::uint64_t{8} << 20;

std::uint64_t bytes_of(const std::vector<NamedTensor>& tensors) {
  std::uint64_t bytes = 0;
  for (const NamedTensor& named : tensors) {
    bytes += named.tensor.nbytes();
  }
  return bytes;
}

void check_free_space(FileSystem& file_system, const fs::path& folder,
                      const CheckpointContent& content) {
  std::uint64_t needed = kSpareBytes + bytes_of(content.model) + bytes_of(content.optimizer) +
                         bytes_of(content.residuals);
  for (const CheckpointExtraFile& file : content.extra_files) {
    needed += file.content.size();
  }
  const std::uint64_t available = file_system.free_bytes(folder);
  if (available < needed) {
    throw StorageError("saving a checkpoint in " + folder.string() + ": " + std::to_string(needed) +
                       " bytes needed, " + std::to_string(available) +
                       " free; make room or lower checkpoint.save_total_limit");
  }
}

/// Writes the files of one partial directory and remembers them for the manifest.
class CheckpointWriter {
 public:
  CheckpointWriter(FileSystem& file_system, fs::path directory)
      : file_system_(file_system), directory_(std::move(directory)) {}

  void write_text(const std::string& name, std::string_view text) {
    const auto bytes = std::as_bytes(std::span(text));
    const std::unique_ptr<WritableFile> file = file_system_.create_file(directory_ / name);
    file->append(bytes);
    file->sync();
    file->close();
    files_.push_back({name, bytes.size(), hash128_hex(bytes)});
  }

  void write_tensors(const std::string& name, const std::vector<NamedTensor>& tensors) {
    const WrittenSafetensors written =
        write_safetensors_counted(file_system_, directory_ / name, tensors);
    files_.push_back({name, written.bytes, written.xxh3_128});
  }

  const std::vector<ManifestFile>& files() const { return files_; }

 private:
  FileSystem& file_system_;
  fs::path directory_;
  std::vector<ManifestFile> files_;
};

void write_all_files(FileSystem& file_system, const fs::path& partial,
                     const CheckpointContent& content) {
  file_system.create_directory(partial);
  CheckpointWriter writer(file_system, partial);
  writer.write_tensors(kModelFile, content.model);
  writer.write_tensors(kOptimizerFile, content.optimizer);
  if (!content.residuals.empty()) {
    writer.write_tensors(kResidualFile, content.residuals);
  }
  writer.write_text(kModelConfigFile,
                    write_hugging_face_config(content.model_config, content.architecture, -1));
  writer.write_text(kRunConfigFile, content.run_config_yaml);
  writer.write_text(kTrainStateFile, write_train_state(content.state));
  for (const CheckpointExtraFile& file : content.extra_files) {
    writer.write_text(file.name, file.content);
  }
  const Manifest manifest{content.state, content.rank_count, content.vocabulary_hash, content.cased,
                          writer.files()};
  writer.write_text(kManifestFile, write_manifest(manifest));
  file_system.sync_directory(partial);
}

/// A failed fsync is final: the files are thrown away, nothing is tried again. That this may fail
/// too changes nothing, because nobody reads a partial directory.
void remove_after_failure(FileSystem& file_system, const fs::path& partial) {
  try {
    file_system.remove_all(partial);
  } catch (const StorageError& error) {
    log_warning("leaving " + partial.string() + " behind: " + error.what());
  }
}

}  // namespace

fs::path CheckpointStore::save(const CheckpointContent& content) {
  const std::string name = checkpoint_name(content.state.global_step);
  const fs::path committed = output_dir_ / name;
  const fs::path partial = output_dir_ / (name + ".partial");
  file_system_.create_directory(output_dir_);
  file_system_.remove_all(partial);
  if (std::filesystem::exists(committed)) {
    const std::string problem = verify_checkpoint(committed, nullptr);
    if (problem.empty()) {
      file_system_.sync_directory(output_dir_);
      return committed;
    }
    log_warning("replacing " + name + ": " + problem);
    set_aside(committed);
  }
  try {
    check_free_space(file_system_, output_dir_, content);
    write_all_files(file_system_, partial, content);
    file_system_.rename(partial, committed);
  } catch (const StorageError&) {
    remove_after_failure(file_system_, partial);
    throw;
  }
  file_system_.sync_directory(output_dir_);
  file_system_.write_file_atomically(output_dir_ / "latest", name + "\n");
  return committed;
}

}  // namespace lambert
