// SPDX-License-Identifier: Apache-2.0
// The seam at which tests make disks fail. Everything that must survive a crash goes through it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace lambert {

/// A file being written, exclusively created. Not committed before sync() returned.
class WritableFile {
 public:
  virtual ~WritableFile() = default;
  /// Writes everything (retries EINTR and short writes only). Throws StorageError.
  virtual void append(std::span<const std::byte> bytes) = 0;
  /// fsync. A failure is final for this file: never retried, because the kernel forgets failed
  /// pages.
  virtual void sync() = 0;
  virtual void close() = 0;
};

/// All members throw StorageError (path, call and errno text) unless they say otherwise.
class FileSystem {
 public:
  virtual ~FileSystem() = default;
  virtual std::unique_ptr<WritableFile> create_file(const std::filesystem::path& path) = 0;
  virtual void create_directory(const std::filesystem::path& path) = 0;
  /// fsync of a directory, so that renames and creations in it survive a power loss.
  virtual void sync_directory(const std::filesystem::path& path) = 0;
  virtual void rename(const std::filesystem::path& from, const std::filesystem::path& to) = 0;
  /// Removes a file or a whole tree; nothing to remove is not an error.
  virtual void remove_all(const std::filesystem::path& path) = 0;
  /// Names (not paths) in a directory, sorted; empty when the directory does not exist.
  virtual std::vector<std::string> list_directory(const std::filesystem::path& path) = 0;
  virtual std::uint64_t free_bytes(const std::filesystem::path& path) = 0;

  /// Writes path + ".partial", syncs it, renames it to path and syncs the folder.
  void write_file_atomically(const std::filesystem::path& path, std::string_view content);
};

/// The real disk.
std::unique_ptr<FileSystem> make_posix_file_system();

/// The whole file. Throws DataError when it cannot be read, is no regular file, or is larger than
/// limit_bytes.
std::string read_file(const std::filesystem::path& path, std::uint64_t limit_bytes);

}  // namespace lambert
