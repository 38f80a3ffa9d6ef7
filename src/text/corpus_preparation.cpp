// SPDX-License-Identifier: Apache-2.0
#include "text/corpus_preparation.h"

#include <algorithm>
#include <atomic>
#include <exception>
#include <mutex>
#include <thread>

#include <nlohmann/json.hpp>

#include "base/clock.h"
#include "base/error.h"
#include "base/hash.h"
#include "base/log.h"
#include "data/shard_writer.h"
#include "text/chunk_source.h"
#include "text/prepared_folder.h"
#include "text/sentence_splitter.h"

namespace lambert {
namespace {

namespace fs = std::filesystem;

constexpr double kBytesPerMegabyte = 1e6;
/// With so many groups for each rank, whole groups are dealt; with fewer, every rank reads all text
/// and chunks are dealt, which costs unpacking but no tokenising.
constexpr std::size_t kGroupsPerRankToDealGroups = 4;

void check_output_apart(const PreparationSettings& settings, const std::vector<fs::path>& files) {
  const auto is_below = [](const fs::path& inner, const fs::path& outer) {
    const auto [outer_end, inner_end] =
        std::mismatch(outer.begin(), outer.end(), inner.begin(), inner.end());
    return outer_end == outer.end();
  };
  const fs::path output = fs::weakly_canonical(settings.output);
  for (const std::string& input : settings.inputs) {
    std::error_code error;
    if (fs::is_directory(input, error) && is_below(output, fs::canonical(input))) {
      throw DataError("preparing data in " + settings.output.string() +
                      ": the output lies inside the input folder " + input +
                      "; choose an output elsewhere");
    }
  }
  for (const fs::path& file : files) {
    if (is_below(fs::canonical(file), output)) {
      throw DataError("preparing data in " + settings.output.string() + ": the input file " +
                      file.string() + " lies inside it; choose an output elsewhere");
    }
  }
}

/// Everything that decides the output, as text: equal plans give equal folders.
std::string describe_plan(const PreparationSettings& settings, const DatasetInfo& info,
                          const std::vector<fs::path>& files) {
  nlohmann::ordered_json plan;
  plan["plan_version"] = 1;
  plan["chunk_bytes"] = settings.chunk_bytes;
  plan["tokenizer_type"] = info.tokenizer_type;
  plan["vocabulary_hash"] = info.vocabulary_hash;
  plan["cased"] = info.cased;
  plan["max_seq_length"] = info.max_seq_length;
  plan["seed"] = settings.examples.seed;
  plan["short_sequence_probability"] = settings.examples.short_sequence_probability;
  plan["duplicate_factor"] = settings.duplicate_factor;
  plan["on_bad_text"] = settings.corpus.skip_bad_text ? "skip" : "stop";
  plan["max_line_bytes"] = settings.corpus.max_line_bytes;
  plan["max_document_bytes"] = settings.corpus.max_document_bytes;
  plan["input"] = nlohmann::ordered_json::array();
  for (const fs::path& file : files) {
    plan["input"].push_back({{"file", fs::canonical(file).string()},
                             {"bytes", fs::file_size(file)},
                             {"modified", fs::last_write_time(file).time_since_epoch().count()}});
  }
  // A file name need not be UTF-8.
  return plan.dump(1, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n";
}

DatasetInfo describe_dataset(const PreparationSettings& settings, const Tokenizer& tokenizer) {
  DatasetInfo info;
  info.tokenizer_type = tokenizer.type();
  info.tokenizer_file = tokenizer.type() == "wordpiece" ? "vocab.txt" : "spiece.model";
  info.vocabulary_hash = hash128_hex_of_file(tokenizer.file());
  info.cased = tokenizer.cased();
  info.vocab_size = tokenizer.vocab_size();
  info.max_seq_length = settings.examples.max_seq_length;
  info.special_tokens = tokenizer.special_tokens();
  return info;
}

/// One run of one rank.
class Preparation {
 public:
  Preparation(const PreparationSettings& settings, const Tokenizer& tokenizer,
              FileSystem& file_system, const PreparationRank& rank,
              std::vector<std::vector<fs::path>> groups, DatasetInfo info)
      : settings_(settings),
        tokenizer_(tokenizer),
        file_system_(file_system),
        rank_(rank),
        groups_(std::move(groups)),
        info_(std::move(info)),
        builder_(settings.examples, tokenizer.special_tokens()),
        folder_(file_system, settings.output) {}

  void run(const std::string& plan);

 private:
  bool is_owned(const ChunkId& chunk) const;
  bool is_group_done(std::int64_t group) const;
  void work_on_chunks();
  void work(ChunkSource& source);
  ChunkRecord make_shards(Chunk& chunk, SentenceSplitter& splitter);
  std::vector<TokenizedDocument> tokenize(Chunk& chunk, SentenceSplitter& splitter) const;
  void finish();
  void report(const BadTextCounts& counts, std::int64_t new_bytes) const;

  const PreparationSettings& settings_;
  const Tokenizer& tokenizer_;
  FileSystem& file_system_;
  const PreparationRank& rank_;
  std::vector<std::vector<fs::path>> groups_;
  DatasetInfo info_;
  ExampleBuilder builder_;
  PreparedFolder folder_;
  ChunkRecords earlier_;  // finished before this run began
  Stopwatch stopwatch_;
  std::atomic<std::int64_t> bytes_done_ = 0;
};

bool Preparation::is_owned(const ChunkId& chunk) const {
  const bool deals_groups =
      groups_.size() >= kGroupsPerRankToDealGroups * static_cast<std::size_t>(rank_.size);
  return (deals_groups ? chunk.group : chunk.group + chunk.index) % rank_.size == rank_.rank;
}

bool Preparation::is_group_done(std::int64_t group) const {
  for (std::int64_t index = 0;; ++index) {
    const auto record = earlier_.find({group, index});
    if (record == earlier_.end()) {
      return false;
    }
    if (record->second.is_last_of_group) {
      return true;
    }
  }
}

std::vector<TokenizedDocument> Preparation::tokenize(Chunk& chunk,
                                                     SentenceSplitter& splitter) const {
  std::vector<TokenizedDocument> documents(chunk.documents.size());
  for (std::size_t i = 0; i < documents.size(); ++i) {
    for (const std::string& line : chunk.documents[i].lines) {
      for (const std::string_view sentence : splitter.split(line)) {
        tokenizer_.encode(sentence, documents[i].token_ids());
        documents[i].end_sentence();
      }
    }
    chunk.documents[i] = {};  // its text is no longer needed
  }
  std::erase_if(documents,
                [](const TokenizedDocument& document) { return document.sentence_count() == 0; });
  return documents;
}

ChunkRecord Preparation::make_shards(Chunk& chunk, SentenceSplitter& splitter) {
  const std::vector<TokenizedDocument> documents = tokenize(chunk, splitter);
  ChunkRecord record;
  record.is_last_of_group = chunk.is_last_of_group;
  record.counts = chunk.counts;
  record.usable_documents = static_cast<std::int64_t>(documents.size());
  for (const TokenizedDocument& document : documents) {
    record.sentences += static_cast<std::int64_t>(document.sentence_count());
  }
  for (std::int64_t pass = 0; pass < settings_.duplicate_factor && !documents.empty(); ++pass) {
    ShardWriter shard(file_system_, folder_.shard_path(chunk.id, pass), info_);
    for (std::size_t i = 0; i < documents.size(); ++i) {
      builder_.build(documents, i, chunk.first_document + i, static_cast<std::uint32_t>(pass),
                     [&shard](const Example& example) { shard.append(example); });
    }
    record.shards.push_back(shard.finish());
  }
  return record;
}

void Preparation::work(ChunkSource& source) {
  SentenceSplitter splitter;
  Chunk chunk;
  while (source.next(chunk)) {
    const ChunkRecord record = make_shards(chunk, splitter);
    folder_.write_record(chunk.id, record);
    const auto bytes = static_cast<double>(bytes_done_ += record.counts.text_bytes);
    log_info("chunk prepared group=" + std::to_string(chunk.id.group) +
             " chunk=" + std::to_string(chunk.id.index) +
             " documents=" + std::to_string(record.usable_documents) + " megabytes_so_far=" +
             std::to_string(static_cast<std::int64_t>(bytes / kBytesPerMegabyte)));
  }
}

void Preparation::work_on_chunks() {
  std::deque<std::unique_ptr<ChunkReader>> readers;
  for (std::size_t i = 0; i < groups_.size(); ++i) {
    const auto group = static_cast<std::int64_t>(i);
    if (!is_group_done(group)) {
      readers.push_back(std::make_unique<ChunkReader>(group, groups_[i], settings_.corpus,
                                                      settings_.chunk_bytes));
    }
  }
  ChunkSource source(std::move(readers), [this](const ChunkId& chunk) {
    return is_owned(chunk) && !earlier_.contains(chunk);
  });
  std::mutex failure_mutex;
  std::exception_ptr failure;
  {
    std::vector<std::jthread> workers;
    for (std::int64_t i = 0; i < settings_.workers; ++i) {
      workers.emplace_back([this, &source, &failure_mutex, &failure] {
        try {
          work(source);
        } catch (...) {
          source.stop();
          const std::scoped_lock lock(failure_mutex);
          failure = failure ? failure : std::current_exception();
        }
      });
    }
  }
  if (failure) {
    std::rethrow_exception(failure);
  }
}

void Preparation::report(const BadTextCounts& counts, std::int64_t new_bytes) const {
  std::string line = "data prepared output=" + settings_.output.string() +
                     " usable_documents=" + std::to_string(info_.document_count) +
                     " sentences=" + std::to_string(info_.sentence_count) +
                     " examples=" + std::to_string(info_.example_count) +
                     " shards=" + std::to_string(info_.shards.size());
  for (const NamedCount& count : kBadTextCountNames) {
    line += std::string(" ") + count.name + "=" + std::to_string(counts.*count.member);
  }
  const double seconds = stopwatch_.seconds();
  const double rate = static_cast<double>(new_bytes) / kBytesPerMegabyte / std::max(seconds, 1e-9);
  log_info(line + " seconds=" + std::to_string(seconds) +
           " megabytes_per_second=" + std::to_string(rate));
}

/// Rank 0, when all ranks have done their chunks.
void Preparation::finish() {
  const ChunkRecords records = folder_.read_records();
  BadTextCounts counts;
  std::int64_t new_bytes = 0;
  std::size_t complete_groups = 0;
  for (const auto& [chunk, record] : records) {
    counts += record.counts;
    complete_groups += record.is_last_of_group ? 1 : 0;
    new_bytes += earlier_.contains(chunk) ? 0 : record.counts.text_bytes;
    info_.document_count += record.usable_documents;
    info_.sentence_count += record.sentences;
    for (const DatasetInfo::Shard& shard : record.shards) {
      info_.example_count += shard.example_count;
      info_.shards.push_back(shard);
    }
  }
  if (complete_groups != groups_.size()) {
    throw StorageError("completing " + settings_.output.string() + ": " +
                       std::to_string(groups_.size() - complete_groups) +
                       " parts of it are not there; all ranks need the same output folder on a "
                       "shared file system");
  }
  check_dropped_share(counts);
  if (info_.example_count == 0) {
    throw DataError("preparing data in " + settings_.output.string() + ": no usable document in " +
                    std::to_string(counts.text_bytes) + " bytes of text (" +
                    std::to_string(counts.documents) + " documents read, " +
                    std::to_string(counts.dropped_documents) +
                    " dropped); give text with words in it");
  }
  folder_.complete(info_, tokenizer_.file());
  report(counts, new_bytes);
}

void Preparation::run(const std::string& plan) {
  if (rank_.rank == 0) {
    folder_.open(plan);
  }
  rank_.barrier();
  if (rank_.rank != 0) {
    folder_.check_plan(plan);
  }
  if (folder_.is_complete()) {
    log_info("data is already prepared output=" + settings_.output.string());
    rank_.barrier();
    return;
  }
  earlier_ = folder_.read_records();
  if (!earlier_.empty()) {
    log_info("continuing an interrupted run finished_chunks=" + std::to_string(earlier_.size()));
  }
  rank_.barrier();  // before this, no rank writes: all have read the same records
  work_on_chunks();
  rank_.barrier();
  if (rank_.rank == 0) {
    finish();
  }
  rank_.barrier();
}

}  // namespace

void prepare_corpus(const PreparationSettings& settings, const Tokenizer& tokenizer,
                    FileSystem& file_system, const PreparationRank& rank) {
  const std::vector<fs::path> files = expand_inputs(settings.inputs);
  check_output_apart(settings, files);
  DatasetInfo info = describe_dataset(settings, tokenizer);
  const std::string plan = describe_plan(settings, info, files);
  Preparation(settings, tokenizer, file_system, rank, group_files(files, settings.chunk_bytes),
              std::move(info))
      .run(plan);
}

}  // namespace lambert
