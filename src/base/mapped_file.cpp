// SPDX-License-Identifier: Apache-2.0
#include "base/mapped_file.h"

#include <cerrno>
#include <string>
#include <utility>

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"

namespace lambert {

MappedFile::MappedFile(const std::filesystem::path& path) : path_(path) {
  // O_NONBLOCK: opening a FIFO must not wait for a writer.
  descriptor_ = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  struct stat status {};
  if (descriptor_ < 0 || ::fstat(descriptor_, &status) != 0) {
    const int error_number = errno;
    if (descriptor_ >= 0) {
      ::close(descriptor_);
    }
    throw DataError("opening " + path.string() + ": " + errno_text(error_number) +
                    "; check the path");
  }
  if (!S_ISREG(status.st_mode)) {
    ::close(descriptor_);
    throw DataError("opening " + path.string() + ": not a regular file; check the path");
  }
  size_ = static_cast<std::size_t>(status.st_size);
  if (size_ > 0) {
    void* mapping = ::mmap(nullptr, size_, PROT_READ, MAP_SHARED, descriptor_, 0);
    if (mapping == MAP_FAILED) {
      const int error_number = errno;
      ::close(descriptor_);
      throw DataError("mapping " + path.string() + ": " + errno_text(error_number));
    }
    data_ = static_cast<const std::byte*>(mapping);
  }
}

MappedFile::MappedFile(MappedFile&& other) noexcept
    : path_(std::move(other.path_)),
      descriptor_(std::exchange(other.descriptor_, -1)),
      data_(std::exchange(other.data_, nullptr)),
      size_(std::exchange(other.size_, 0)) {}

MappedFile::~MappedFile() {
  if (data_ != nullptr) {
    ::munmap(const_cast<std::byte*>(data_), size_);  // munmap takes a non-const pointer
  }
  if (descriptor_ >= 0) {
    ::close(descriptor_);
  }
}

void MappedFile::check_not_shrunk() const {
  struct stat status {};
  if (::fstat(descriptor_, &status) != 0 || static_cast<std::size_t>(status.st_size) < size_) {
    throw DataError("reading " + path_.string() + ": the file became shorter than its " +
                    std::to_string(size_) +
                    " bytes while in use; restore it and run the same command again");
  }
}

}  // namespace lambert
