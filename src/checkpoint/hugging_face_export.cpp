// SPDX-License-Identifier: Apache-2.0
#include "checkpoint/hugging_face_export.h"

#include <algorithm>

#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/hash.h"
#include "base/log.h"
#include "base/mapped_file.h"
#include "checkpoint/checkpoint.h"
#include "checkpoint/hugging_face_config.h"
#include "checkpoint/manifest.h"
#include "checkpoint/model_card.h"
#include "checkpoint/tokenizer_json.h"

namespace lambert {
namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t kMaxTextBytes = std::uint64_t{1} << 30;  // vocabularies are the largest
constexpr std::uint64_t kSpareBytes = std::uint64_t{8} << 20;

TokenizerExport make_tokenizer(const fs::path& checkpoint, const Manifest& manifest,
                               std::int64_t max_length) {
  for (const ManifestFile& file : manifest.files) {
    if (file.name == "vocab.txt") {
      return export_wordpiece(read_file(checkpoint / file.name, kMaxTextBytes), manifest.cased,
                              max_length);
    }
    if (file.name.ends_with(".model")) {
      return export_sentencepiece(read_file(checkpoint / file.name, kMaxTextBytes), max_length);
    }
  }
  throw DataError("it holds neither vocab.txt nor a sentencepiece .model file");
}

/// Writes the files of the export and compares each with what is on the disk afterwards.
class ExportWriter {
 public:
  ExportWriter(FileSystem& file_system, fs::path folder)
      : file_system_(file_system), folder_(std::move(folder)) {}

  void write(const std::string& name, std::span<const std::byte> bytes) {
    const std::unique_ptr<WritableFile> file = file_system_.create_file(folder_ / name);
    file->append(bytes);
    file->sync();
    file->close();
    const std::string expected = hash128_hex(bytes);
    const std::string found = hash128_hex_of_file(folder_ / name);
    if (found != expected) {
      throw StorageError("reading back " + (folder_ / name).string() + ": hash " + found + ", " +
                         expected + " was written; check the disk");
    }
  }
  void write_text(const std::string& name, std::string_view text) {
    write(name, std::as_bytes(std::span(text)));
  }

 private:
  FileSystem& file_system_;
  fs::path folder_;
};

/// Everything of the export but the weights, made before the first byte is written.
struct ExportFiles {
  TokenizerExport tokenizer;
  std::string config;
  std::string card;
};

ExportFiles make_files(const fs::path& checkpoint) {
  const Manifest manifest = read_manifest(checkpoint);
  const std::string config = read_file(checkpoint / kModelConfigFile, kMaxTextBytes);
  const ModelConfig model = parse_hugging_face_config(config);
  const std::string architecture = parse_architecture(config);
  ExportFiles files;
  files.tokenizer = make_tokenizer(checkpoint, manifest, model.max_position_embeddings);
  files.config = write_hugging_face_config(model, architecture, files.tokenizer.pad_token_id);
  files.card = write_model_card({manifest.state, model, architecture,
                                 read_file(checkpoint / kRunConfigFile, kMaxTextBytes),
                                 manifest.vocabulary_hash, checkpoint.filename().string(),
                                 files.tokenizer.is_wordpiece, manifest.cased});
  return files;
}

void write_files(FileSystem& file_system, const fs::path& checkpoint, const fs::path& partial,
                 const ExportFiles& files, const Certify& certify) {
  const MappedFile weights(checkpoint / kModelFile);
  file_system.create_directory(partial);
  if (const std::uint64_t available = file_system.free_bytes(partial);
      available < weights.size() + kSpareBytes) {
    throw StorageError("exporting to " + partial.string() + ": " +
                       std::to_string(weights.size() + kSpareBytes) + " bytes needed, " +
                       std::to_string(available) + " free; make room");
  }
  ExportWriter writer(file_system, partial);
  // The checkpoint's file already has Transformers' names, shapes and layout.
  writer.write(kModelFile, weights.bytes());
  writer.write_text(kModelConfigFile, files.config);
  writer.write_text(files.tokenizer.vocabulary_file, files.tokenizer.vocabulary);
  writer.write_text("tokenizer.json", files.tokenizer.tokenizer_json);
  writer.write_text("tokenizer_config.json", files.tokenizer.tokenizer_config_json);
  writer.write_text("README.md", files.card);
  writer.write_text(kCertificateFile, write_certificate(certify(partial)));
  file_system.sync_directory(partial);
}

}  // namespace

void export_to_hugging_face(FileSystem& file_system, const fs::path& checkpoint,
                            const fs::path& output, const Certify& certify) {
  if (fs::exists(fs::symlink_status(output))) {
    throw ConfigError("exporting to " + output.string() + ": it exists; choose a new folder");
  }
  if (const std::string problem = verify_checkpoint(checkpoint, nullptr); !problem.empty()) {
    throw CheckpointError("exporting " + checkpoint.string() + ": " + problem +
                          "; choose another checkpoint (lambert checkpoint list)");
  }
  ExportFiles files;
  try {
    files = make_files(checkpoint);
  } catch (const DataError& error) {
    throw DataError("exporting " + checkpoint.string() + ": " + error.what() +
                    "; the checkpoint was not written by lambert train");
  } catch (const nlohmann::json::exception& error) {
    throw DataError("exporting " + checkpoint.string() +
                    ": a name in its vocabulary is not UTF-8 (" + error.what() +
                    "); take the original vocabulary");
  }
  const fs::path partial = output.string() + ".partial";
  file_system.remove_all(partial);
  try {
    write_files(file_system, checkpoint, partial, files, certify);
    file_system.rename(partial, output);
  } catch (const Error&) {
    try {
      file_system.remove_all(partial);
    } catch (const StorageError& error) {
      log_warning("leaving " + partial.string() + " behind: " + error.what());
    }
    throw;
  }
  file_system.sync_directory(output.has_parent_path() ? output.parent_path() : fs::path("."));
}

}  // namespace lambert
