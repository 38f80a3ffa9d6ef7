// SPDX-License-Identifier: Apache-2.0
#include "text/prepared_folder.h"

#include <array>
#include <cerrno>
#include <utility>

#include <fcntl.h>
#include <nlohmann/json.hpp>
#include <sys/file.h>
#include <unistd.h>

#include "base/error.h"

namespace lambert {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

constexpr std::uint64_t kPlanLimitBytes = 1ULL << 30U;
constexpr std::uint64_t kRecordLimitBytes = 16ULL << 20U;
constexpr std::uint64_t kTokenizerLimitBytes = 256ULL << 20U;
constexpr int kNumberDigits = 5;

std::string digits(std::int64_t number, int width) {
  const std::string text = std::to_string(number);
  return std::string(static_cast<std::size_t>(std::max(0, width - static_cast<int>(text.size()))),
                     '0') +
         text;
}

std::string name_of(const ChunkId& chunk) {
  return digits(chunk.group, kNumberDigits) + "-" + digits(chunk.index, kNumberDigits);
}

/// Which settings of two plans differ, for the message.
std::string differing_keys(const std::string& stored_text, const std::string& wanted_text) {
  const Json stored = Json::parse(stored_text, nullptr, false);
  const Json wanted = Json::parse(wanted_text, nullptr, false);
  std::string keys;
  for (const auto& [key, value] : wanted.items()) {
    if (!stored.is_object() || !stored.contains(key) || stored[key] != value) {
      keys += (keys.empty() ? "" : ", ") + key;
    }
  }
  return keys;
}

bool only_allows_bad_text(const std::string& stored_text, const std::string& wanted_text) {
  Json stored = Json::parse(stored_text, nullptr, false);
  const Json wanted = Json::parse(wanted_text, nullptr, false);
  if (!stored.is_object() || stored.value("on_bad_text", "") != "stop") {
    return false;
  }
  stored["on_bad_text"] = "skip";
  return stored == wanted;
}

}  // namespace

PreparedFolder::PreparedFolder(FileSystem& file_system, fs::path folder)
    : file_system_(file_system), folder_(std::move(folder)) {}

PreparedFolder::~PreparedFolder() {
  if (lock_descriptor_ >= 0) {
    // The file stays: removing it would let a third process lock a file that has no name.
    [[maybe_unused]] const int result = ::ftruncate(lock_descriptor_, 0);
    ::close(lock_descriptor_);
  }
}

void PreparedFolder::take_lock() {
  const fs::path path = work_folder() / "lock";
  lock_descriptor_ = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0640);
  if (lock_descriptor_ < 0) {
    throw StorageError("locking " + folder_.string() + ": " + path.string() + ": " +
                       errno_text(errno) + "; check permissions there");
  }
  if (::flock(lock_descriptor_, LOCK_EX | LOCK_NB) != 0) {
    const int error_number = errno;
    std::array<char, 256> holder{};
    const ssize_t size = ::pread(lock_descriptor_, holder.data(), holder.size(), 0);
    ::close(lock_descriptor_);
    lock_descriptor_ = -1;
    if (error_number != EWOULDBLOCK) {
      throw StorageError("locking " + path.string() + ": " + errno_text(error_number) +
                         "; use a file system that supports locks");
    }
    throw BusyError(
        "preparing data in " + folder_.string() + ": it is being written by " +
        std::string(holder.data(), static_cast<std::size_t>(std::max<ssize_t>(size, 0))) +
        "; wait for its end or choose another --output");
  }
  std::array<char, 256> host{};
  ::gethostname(host.data(), host.size() - 1);
  const std::string holder = "process " + std::to_string(::getpid()) + " on " + host.data();
  if (::ftruncate(lock_descriptor_, 0) != 0 ||
      ::pwrite(lock_descriptor_, holder.data(), holder.size(), 0) !=
          static_cast<ssize_t>(holder.size())) {
    throw StorageError("writing " + path.string() + ": " + errno_text(errno) +
                       "; check the space there");
  }
}

void PreparedFolder::remove_partial_files() {
  for (const fs::path& folder : {folder_, work_folder(), records_folder()}) {
    for (const std::string& name : file_system_.list_directory(folder)) {
      if (name.ends_with(".partial")) {
        file_system_.remove_all(folder / name);
      }
    }
  }
}

/// A record, or a shard whose record a kill prevented: under another plan nobody would overwrite
/// it.
bool PreparedFolder::has_finished_files() const {
  for (const fs::path& folder : {folder_, records_folder()}) {
    std::error_code error;
    if (!fs::exists(folder, error)) {
      continue;
    }
    for (const std::string& name : file_system_.list_directory(folder)) {
      if (name != kPrepareStateFolder && !name.ends_with(".partial")) {
        return true;
      }
    }
  }
  return false;
}

/// Finished chunks bind the plan: they stay valid only under equal settings and input. With none
/// finished (a first run that stopped at its first mistake) the corrected command may start anew,
/// and `--on-bad-text skip` may follow `stop`: a chunk finished under `stop` has no bad text.
void PreparedFolder::store_plan(const std::string& plan) {
  const fs::path plan_file = work_folder() / "plan.json";
  std::error_code error;
  if (fs::exists(plan_file, error)) {
    const std::string stored = read_file(plan_file, kPlanLimitBytes);
    if (stored == plan) {
      return;
    }
    const bool may_change =
        !is_complete() && (!has_finished_files() || only_allows_bad_text(stored, plan));
    if (!may_change) {
      throw ConfigError("preparing data in " + folder_.string() +
                        ": it was begun with other settings or input (" +
                        differing_keys(stored, plan) +
                        "); repeat that command, choose another --output, or delete the folder");
    }
  }
  file_system_.write_file_atomically(plan_file, plan);
}

void PreparedFolder::open(const std::string& plan) {
  std::error_code error;
  if (fs::exists(folder_, error) && !fs::is_directory(folder_, error)) {
    throw ConfigError("preparing data in " + folder_.string() +
                      ": this is a file; choose another --output");
  }
  if (!fs::exists(work_folder(), error) && !file_system_.list_directory(folder_).empty()) {
    throw ConfigError("preparing data in " + folder_.string() +
                      ": the folder holds files that lambert prepare did not write; choose a new "
                      "or empty folder");
  }
  file_system_.create_directory(work_folder());
  take_lock();
  store_plan(plan);
  file_system_.create_directory(records_folder());
  remove_partial_files();
  if (is_complete()) {
    file_system_.remove_all(records_folder());  // a kill between the index and the end leaves them
  }
}

void PreparedFolder::check_plan(const std::string& plan) const {
  const std::string stored = read_file(work_folder() / "plan.json", kPlanLimitBytes);
  if (stored != plan) {
    throw DataError("preparing data in " + folder_.string() +
                    ": this rank sees another input than rank 0 (" + differing_keys(stored, plan) +
                    "); all ranks need the same files under the same paths");
  }
}

bool PreparedFolder::is_complete() const {
  std::error_code error;
  return fs::exists(folder_ / kDatasetIndexFile, error);
}

fs::path PreparedFolder::shard_path(const ChunkId& chunk, std::int64_t pass) const {
  return folder_ / ("shard-" + name_of(chunk) + "-" + digits(pass, 2) + ".bin");
}

std::optional<ChunkRecord> PreparedFolder::read_record(const fs::path& file) const {
  const Json json = Json::parse(read_file(file, kRecordLimitBytes), nullptr, false);
  ChunkRecord record;
  try {
    json.at("is_last_of_group").get_to(record.is_last_of_group);
    json.at("usable_documents").get_to(record.usable_documents);
    json.at("sentences").get_to(record.sentences);
    for (const NamedCount& count : kBadTextCountNames) {
      json.at(count.name).get_to(record.counts.*count.member);
    }
    for (const Json& shard : json.at("shards")) {
      record.shards.push_back({shard.at("file"), shard.at("example_count"), shard.at("hash")});
      std::error_code error;
      if (!fs::is_regular_file(folder_ / record.shards.back().file, error)) {
        return std::nullopt;
      }
    }
  } catch (const Json::exception&) {
    return std::nullopt;  // not ours or damaged: the chunk is simply made again
  }
  return record;
}

ChunkRecords PreparedFolder::read_records() const {
  ChunkRecords records;
  for (const std::string& name : file_system_.list_directory(records_folder())) {
    const std::size_t dash = name.find('-');
    if (!name.ends_with(".json") || dash == std::string::npos) {
      continue;
    }
    if (std::optional<ChunkRecord> record = read_record(records_folder() / name)) {
      records[{std::stoll(name.substr(0, dash)), std::stoll(name.substr(dash + 1))}] =
          std::move(*record);
    }
  }
  return records;
}

void PreparedFolder::write_record(const ChunkId& chunk, const ChunkRecord& record) {
  Json json;
  json["is_last_of_group"] = record.is_last_of_group;
  json["usable_documents"] = record.usable_documents;
  json["sentences"] = record.sentences;
  for (const NamedCount& count : kBadTextCountNames) {
    json[count.name] = record.counts.*count.member;
  }
  json["shards"] = Json::array();
  for (const DatasetInfo::Shard& shard : record.shards) {
    json["shards"].push_back(
        {{"file", shard.file}, {"example_count", shard.example_count}, {"hash", shard.hash}});
  }
  file_system_.write_file_atomically(records_folder() / (name_of(chunk) + ".json"),
                                     json.dump(1) + "\n");
}

void PreparedFolder::complete(const DatasetInfo& info, const fs::path& tokenizer_file) {
  file_system_.write_file_atomically(folder_ / info.tokenizer_file,
                                     read_file(tokenizer_file, kTokenizerLimitBytes));
  file_system_.write_file_atomically(folder_ / kDatasetIndexFile, write_dataset_info(info));
  file_system_.remove_all(records_folder());
}

}  // namespace lambert
