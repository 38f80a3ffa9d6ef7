// SPDX-License-Identifier: Apache-2.0
#include "text/unpacked_file.h"

#include <algorithm>
#include <string>
#include <vector>

#include <archive.h>
#include <archive_entry.h>

#include "base/error.h"
#include "base/log.h"

namespace lambert {
namespace {

constexpr std::size_t kPieceBytes = 256 << 10;
// Text packs 3 to 10 times; a file that unpacks to 200 times its size is odd enough to be named.
constexpr std::int64_t kSuspiciousRatio = 200;
constexpr std::int64_t kRatioCheckFromBytes = 64 << 20;

struct CloseArchive {
  void operator()(archive* reader) const { archive_read_free(reader); }
};

}  // namespace

struct UnpackedFile::State {
  std::filesystem::path path;
  std::unique_ptr<archive, CloseArchive> reader;
  std::vector<char> piece;
  std::int64_t unpacked_bytes = 0;
  bool ended = false;
  bool warned = false;

  [[noreturn]] void fail() const {
    const char* reason = archive_error_string(reader.get());
    const std::int64_t packed_bytes = archive_filter_bytes(reader.get(), -1);  // -1: none yet
    throw DataError("reading " + path.string() + ": " +
                    (reason == nullptr ? "unknown failure" : reason) + " after packed byte " +
                    std::to_string(std::max<std::int64_t>(packed_bytes, 0)) + ", unpacked byte " +
                    std::to_string(unpacked_bytes) +
                    "; the file is damaged, cut short or unreadable: fetch it again");
  }

  void warn_about_ratio() {
    const std::int64_t packed = archive_filter_bytes(reader.get(), -1);
    if (!warned && unpacked_bytes > kRatioCheckFromBytes && packed > 0 &&
        unpacked_bytes / packed > kSuspiciousRatio) {
      warned = true;
      log_warning("input unpacks to more than " + std::to_string(kSuspiciousRatio) +
                  " times its size file=" + path.string());
    }
  }
};

UnpackedFile::UnpackedFile(const std::filesystem::path& path) : state_(std::make_unique<State>()) {
  state_->path = path;
  state_->reader.reset(archive_read_new());
  state_->piece.resize(kPieceBytes);
  archive* const reader = state_->reader.get();
  // These four only: libarchive's other filters (uuencode, rpm, external programs) would take text
  // for packed data.
  archive_read_support_filter_gzip(reader);
  archive_read_support_filter_bzip2(reader);
  archive_read_support_filter_xz(reader);
  archive_read_support_filter_zstd(reader);
  archive_read_support_format_raw(reader);
  archive_read_support_format_empty(reader);
  if (archive_read_open_filename(reader, path.c_str(), kPieceBytes) != ARCHIVE_OK) {
    state_->fail();
  }
  archive_entry* entry = nullptr;
  const int result = archive_read_next_header(reader, &entry);
  if (result == ARCHIVE_EOF) {
    state_->ended = true;
  } else if (result != ARCHIVE_OK) {
    state_->fail();
  }
}

UnpackedFile::~UnpackedFile() = default;

std::int64_t UnpackedFile::unpacked_bytes() const {
  return state_->unpacked_bytes;
}

std::string_view UnpackedFile::next_piece() {
  if (state_->ended) {
    return {};
  }
  const la_ssize_t size =
      archive_read_data(state_->reader.get(), state_->piece.data(), state_->piece.size());
  if (size < 0) {
    state_->fail();
  }
  state_->ended = size == 0;
  state_->unpacked_bytes += size;
  state_->warn_about_ratio();
  return {state_->piece.data(), static_cast<std::size_t>(size)};
}

}  // namespace lambert
