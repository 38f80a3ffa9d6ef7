// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cerrno>
#include <cmath>
#include <map>
#include <memory>

#include <fcntl.h>
#include <sys/file.h>
#include <sys/statfs.h>
#include <unistd.h>

#include "app/doctor.h"
#include "base/clock.h"
#include "base/file_system.h"

namespace lambert {
namespace {

namespace fs = std::filesystem;

constexpr double kGibibyte = 1024.0 * 1024.0 * 1024.0;

/// A run makes its output_dir: the folder, or the nearest one above it that is there.
fs::path nearest_folder(fs::path folder) {
  folder = fs::absolute(folder).lexically_normal();
  std::error_code error;
  while (!fs::exists(folder, error) && folder.has_relative_path()) {
    folder = folder.parent_path();
  }
  return folder;
}

/// From linux/magic.h and the headers of the file systems.
std::string type_of(const fs::path& folder) {
  const std::map<long, std::string> names = {
      {0xEF53, "ext4"},      {0x58465342, "xfs"},     {0x9123683E, "btrfs"}, {0x2FC12FC1, "zfs"},
      {0x01021994, "tmpfs"}, {0x794C7630, "overlay"}, {0x6969, "nfs"},       {0x0BD00BD0, "lustre"},
      {0x47504653, "gpfs"},  {0x19830326, "beegfs"},  {0x00C36400, "ceph"},  {0x65735546, "fuse"},
      {0x01021997, "9p"}};
  struct statfs state {};
  if (::statfs(folder.c_str(), &state) != 0) {
    return "unknown";
  }
  const auto found = names.find(static_cast<long>(state.f_type) & 0xFFFFFFFFL);
  return found == names.end() ? "other" : found->second;
}

/// What a save does to its files: written, synced, renamed, the folder synced; and the run's lock.
/// Throws StorageError.
double try_a_save(const fs::path& folder) {
  const std::unique_ptr<FileSystem> disk = make_posix_file_system();
  const fs::path work = folder / ("lambert-doctor-" + std::to_string(::getpid()));
  disk->create_directory(work);
  const Stopwatch watch;
  try {
    const std::string content(std::size_t{1} << 20, 'x');
    disk->write_file_atomically(work / "file", content);
    const double seconds = watch.seconds();
    const int file = ::open((work / "file").c_str(), O_RDWR | O_CLOEXEC);
    const bool is_locked = file >= 0 && ::flock(file, LOCK_EX | LOCK_NB) == 0;
    const int failure = errno;
    if (file >= 0) {
      ::close(file);
    }
    if (!is_locked) {
      throw StorageError("flock: " + errno_text(failure));
    }
    disk->remove_all(work);
    return seconds;
  } catch (const StorageError&) {
    std::error_code ignored;
    fs::remove_all(work, ignored);
    throw;
  }
}

Finding examine_space(const fs::path& folder, double free) {
  constexpr double kSmall = 10.0 * kGibibyte;  // two checkpoints of BERT-Large and a partial one
  Finding finding{"disk space", FindingState::ok,
                  gibibytes_text(free) + " free in " + folder.string()};
  if (free < kSmall) {
    finding.state = FindingState::warning;
    finding.advice =
        "a checkpoint takes 12 bytes a parameter (BERT-Base 1.2 GiB, BERT-Large 3.8 "
        "GiB), and checkpoint.save_total_limit of them stay: free some, or give "
        "another output_dir";
  }
  return finding;
}

}  // namespace

std::vector<Finding> examine_storage(const fs::path& wanted) {
  const fs::path folder = nearest_folder(wanted);
  const std::string type = type_of(folder);
  Finding finding{"output folder", FindingState::ok, folder.string() + " (" + type + ")"};
  double free = 0.0;
  try {
    const double seconds = try_a_save(folder);
    finding.found += ": write, sync, rename and lock work, " +
                     std::to_string(std::max(1L, std::lround(1e3 * seconds))) + " ms for 1 MiB";
    free = static_cast<double>(make_posix_file_system()->free_bytes(folder));
  } catch (const StorageError& error) {
    finding.state = FindingState::missing;
    finding.found += ": cannot be used (" + std::string(error.what()) + ")";
    finding.advice =
        "give a folder on a disk that you may write: --output-dir DIR here, "
        "output_dir in the config";
    finding.code = ExitCode::storage;
    return {finding};
  }
  if (type == "tmpfs" || type == "overlay") {
    finding.state = FindingState::warning;
    finding.advice = type == "tmpfs" ? "this is memory: checkpoints are gone when the machine stops"
                                     : "this is the container's own layer: checkpoints are gone "
                                       "with the container; mount a folder of the host";
  }
  return {finding, examine_space(folder, free)};
}

}  // namespace lambert
