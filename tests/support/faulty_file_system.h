// SPDX-License-Identifier: Apache-2.0
// A disk that fails, a process that dies and a machine that loses power, at a chosen operation.
#pragma once

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/file_system.h"

namespace lambert {

/// Thrown in place of dying: no Error, so that nothing cleans up after it.
struct ProcessKilled {};

/// What a power loss does to data that was written but not synced.
enum class UnsyncedData { kept, dropped, torn, data_dropped_names_kept };

class FaultyFileSystem final : public FileSystem {
 public:
  /// The operation with this index (from 0) fails with this errno; later ones work.
  void fail_at(std::int64_t operation, int error_number) {
    fail_at_ = operation;
    error_number_ = error_number;
  }
  /// From this operation on nothing happens any more.
  void kill_at(std::int64_t operation) { kill_at_ = operation; }
  std::int64_t operations() const { return operations_; }

  /// Brings the disk into a state that a power loss at this moment may leave.
  void lose_power(UnsyncedData fate) {
    for (const auto& [path, sizes] : files_) {
      damage(path, sizes, fate);
    }
    if (fate == UnsyncedData::dropped) {
      for (auto change = unsynced_names_.rbegin(); change != unsynced_names_.rend(); ++change) {
        undo(*change);
      }
    }
  }

  std::unique_ptr<WritableFile> create_file(const std::filesystem::path& path) override {
    step("open", path);
    auto file = std::make_unique<FaultyFile>(*this, path, disk_->create_file(path));
    files_[path] = {};
    unsynced_names_.push_back({{}, path});
    return file;
  }
  void create_directory(const std::filesystem::path& path) override {
    step("mkdir", path);
    if (!std::filesystem::exists(path)) {
      disk_->create_directory(path);
      unsynced_names_.push_back({{}, path});
    }
  }
  void sync_directory(const std::filesystem::path& path) override {
    step("fsync", path);
    std::erase_if(unsynced_names_,
                  [&](const NameChange& change) { return change.to.parent_path() == path; });
  }
  void rename(const std::filesystem::path& from, const std::filesystem::path& to) override {
    step("rename", to);
    disk_->rename(from, to);
    unsynced_names_.push_back({from, to});
    std::map<std::filesystem::path, FileSizes> moved;
    for (const auto& [path, sizes] : files_) {
      moved[path_after_rename(path, from, to)] = sizes;
    }
    files_ = std::move(moved);
    // A name made inside a renamed folder moves with it.
    for (std::size_t i = 0; i + 1 < unsynced_names_.size(); ++i) {
      unsynced_names_[i].to = path_after_rename(unsynced_names_[i].to, from, to);
    }
  }
  void remove_all(const std::filesystem::path& path) override {
    step("remove", path);
    disk_->remove_all(path);
    std::erase_if(files_, [&](const auto& file) { return is_within(file.first, path); });
    std::erase_if(unsynced_names_,
                  [&](const NameChange& change) { return is_within(change.to, path); });
  }
  std::vector<std::string> list_directory(const std::filesystem::path& path) override {
    step("readdir", path);
    return disk_->list_directory(path);
  }
  std::uint64_t free_bytes(const std::filesystem::path& path) override {
    step("statvfs", path);
    return free_bytes_;
  }
  void set_free_bytes(std::uint64_t bytes) { free_bytes_ = bytes; }

 private:
  struct FileSizes {
    std::uint64_t written = 0;
    std::uint64_t synced = 0;
  };
  struct NameChange {
    std::filesystem::path from;  // empty: created
    std::filesystem::path to;
  };

  class FaultyFile final : public WritableFile {
   public:
    FaultyFile(FaultyFileSystem& owner, std::filesystem::path path,
               std::unique_ptr<WritableFile> file)
        : owner_(owner), path_(std::move(path)), file_(std::move(file)) {}
    void append(std::span<const std::byte> bytes) override {
      if (owner_.next_one_fails()) {  // half of it still arrives
        file_->append(bytes.first(bytes.size() / 2));
        owner_.files_[path_].written += bytes.size() / 2;
      }
      owner_.step("write", path_);
      file_->append(bytes);
      owner_.files_[path_].written += bytes.size();
    }
    void sync()
        override {  // the real disk is not asked: only the bookkeeping counts, and it is faster
      owner_.step("fsync", path_);
      owner_.files_[path_].synced = owner_.files_[path_].written;
    }
    void close() override {
      owner_.step("close", path_);
      file_->close();
    }

   private:
    FaultyFileSystem& owner_;
    std::filesystem::path path_;
    std::unique_ptr<WritableFile> file_;
  };

  bool next_one_fails() const { return operations_ == fail_at_ || operations_ == kill_at_; }

  void step(const std::string& call, const std::filesystem::path& path) {
    const std::int64_t operation = operations_++;
    if (kill_at_ >= 0 && operation >= kill_at_) {
      throw ProcessKilled{};
    }
    if (operation == fail_at_) {
      throw StorageError("writing " + path.string() + ": " + call +
                         " failed: " + errno_text(error_number_) + "; test");
    }
  }

  static bool is_within(const std::filesystem::path& path, const std::filesystem::path& folder) {
    return std::mismatch(folder.begin(), folder.end(), path.begin(), path.end()).first ==
           folder.end();
  }
  static std::filesystem::path path_after_rename(const std::filesystem::path& path,
                                                 const std::filesystem::path& from,
                                                 const std::filesystem::path& to) {
    if (path == from) {
      return to;
    }
    return is_within(path, from) ? to / path.lexically_relative(from) : path;
  }

  static void damage(const std::filesystem::path& path, const FileSizes& sizes, UnsyncedData fate) {
    if (fate == UnsyncedData::kept || sizes.written == sizes.synced) {
      return;
    }
    const std::uint64_t half = sizes.synced + (sizes.written - sizes.synced) / 2;
    if (fate != UnsyncedData::torn) {
      std::filesystem::resize_file(path, sizes.synced);
      return;
    }
    // All of the length, but zeros in the later half: blocks that were allocated and never written.
    std::filesystem::resize_file(path, half);
    std::filesystem::resize_file(path, sizes.written);
  }
  static void undo(const NameChange& change) {
    std::error_code ignored;  // a parent may be gone already
    if (change.from.empty()) {
      std::filesystem::remove_all(change.to, ignored);
    } else {
      std::filesystem::rename(change.to, change.from, ignored);
    }
  }

  std::unique_ptr<FileSystem> disk_ = make_posix_file_system();
  std::map<std::filesystem::path, FileSizes> files_;
  std::vector<NameChange> unsynced_names_;
  std::int64_t operations_ = 0;
  std::int64_t fail_at_ = -1;
  std::int64_t kill_at_ = -1;
  int error_number_ = EIO;
  std::uint64_t free_bytes_ = std::uint64_t{1} << 40;
};

}  // namespace lambert
