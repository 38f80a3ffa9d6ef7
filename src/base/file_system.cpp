// SPDX-License-Identifier: Apache-2.0
#include "base/file_system.h"

#include <algorithm>
#include <cerrno>
#include <fstream>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"

namespace lambert {
namespace {

namespace fs = std::filesystem;

[[noreturn]] void throw_storage_error(std::string_view call, const fs::path& path,
                                      int error_number) {
  throw StorageError("writing " + path.string() + ": " + std::string(call) + " failed: " +
                     errno_text(error_number) + "; check space, quota and permissions there");
}

class PosixFile final : public WritableFile {
 public:
  explicit PosixFile(const fs::path& path)
      : path_(path),
        descriptor_(
            ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0640)) {
    if (descriptor_ < 0) {
      throw_storage_error("open", path_, errno);
    }
  }
  PosixFile(const PosixFile&) = delete;
  PosixFile& operator=(const PosixFile&) = delete;
  ~PosixFile() override {
    if (descriptor_ >= 0) {
      ::close(descriptor_);
    }
  }

  void append(std::span<const std::byte> bytes) override {
    while (!bytes.empty()) {
      const ssize_t written = ::write(descriptor_, bytes.data(), bytes.size());
      if (written < 0 && errno != EINTR) {
        throw_storage_error("write", path_, errno);
      }
      bytes = bytes.subspan(static_cast<std::size_t>(std::max<ssize_t>(written, 0)));
    }
  }

  void sync() override {
    if (::fsync(descriptor_) != 0) {
      throw_storage_error("fsync", path_, errno);
    }
  }

  void close() override {
    const int closing = descriptor_;
    descriptor_ = -1;
    if (::close(closing) != 0) {
      throw_storage_error("close", path_, errno);
    }
  }

 private:
  fs::path path_;
  int descriptor_;
};

class PosixFileSystem final : public FileSystem {
 public:
  std::unique_ptr<WritableFile> create_file(const fs::path& path) override {
    return std::make_unique<PosixFile>(path);
  }

  void create_directory(const fs::path& path) override {
    std::error_code error;
    fs::create_directories(path, error);
    if (error) {
      throw_storage_error("mkdir", path, error.value());
    }
  }

  void sync_directory(const fs::path& path) override {
    const int descriptor = ::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (descriptor < 0) {
      throw_storage_error("open", path, errno);
    }
    const int result = ::fsync(descriptor);
    const int error_number = errno;
    ::close(descriptor);
    if (result != 0) {
      throw_storage_error("fsync", path, error_number);
    }
  }

  void rename(const fs::path& from, const fs::path& to) override {
    if (::rename(from.c_str(), to.c_str()) != 0) {
      throw_storage_error("rename", to, errno);
    }
  }

  void remove_all(const fs::path& path) override {
    std::error_code error;
    fs::remove_all(path, error);
    if (error) {
      throw_storage_error("remove", path, error.value());
    }
  }

  std::vector<std::string> list_directory(const fs::path& path) override {
    std::vector<std::string> names;
    std::error_code error;
    for (fs::directory_iterator entry(path, error), end; !error && entry != end;
         entry.increment(error)) {
      names.push_back(entry->path().filename().string());
    }
    if (error && error != std::errc::no_such_file_or_directory) {
      throw_storage_error("readdir", path, error.value());
    }
    std::sort(names.begin(), names.end());
    return names;
  }

  std::uint64_t free_bytes(const fs::path& path) override {
    std::error_code error;
    const fs::space_info space = fs::space(path, error);
    if (error) {
      throw_storage_error("statvfs", path, error.value());
    }
    return space.available;
  }
};

}  // namespace

void FileSystem::write_file_atomically(const fs::path& path, std::string_view content) {
  fs::path partial = path;
  partial += ".partial";
  remove_all(partial);
  const std::unique_ptr<WritableFile> file = create_file(partial);
  file->append(std::as_bytes(std::span(content)));
  file->sync();
  file->close();
  rename(partial, path);
  sync_directory(path.has_parent_path() ? path.parent_path() : fs::path("."));
}

std::unique_ptr<FileSystem> make_posix_file_system() {
  return std::make_unique<PosixFileSystem>();
}

std::string read_file(const fs::path& path, std::uint64_t limit_bytes) {
  std::error_code error;
  const fs::file_status status = fs::status(path, error);
  if (error || !fs::is_regular_file(status)) {
    throw DataError("reading " + path.string() + ": " +
                    (error ? error.message() : std::string("not a regular file")) +
                    "; check the path");
  }
  const std::uint64_t size = fs::file_size(path, error);
  if (error || size > limit_bytes) {
    throw DataError("reading " + path.string() + ": " + std::to_string(size) +
                    " bytes, the limit is " + std::to_string(limit_bytes) +
                    "; is this the right file?");
  }
  std::ifstream file(path, std::ios::binary);
  std::string content(size, '\0');
  file.read(content.data(), static_cast<std::streamsize>(size));
  if (!file || static_cast<std::uint64_t>(file.gcount()) != size) {
    throw DataError("reading " + path.string() + ": cannot read all of its " +
                    std::to_string(size) + " bytes; check permissions and the disk");
  }
  return content;
}

}  // namespace lambert
