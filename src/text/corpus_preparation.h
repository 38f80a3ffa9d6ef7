// SPDX-License-Identifier: Apache-2.0
// `lambert prepare`: text in, a folder of shards out. Work is done in chunks (chunk_reader.h), one
// shard for each chunk and pass. The output is a function of the input files and the settings: any
// worker and rank count gives the same bytes, and an interrupted run, repeated, ends with the same
// bytes.
//
// Memory: a worker holds one chunk (up to 12 MiB of text, more only when a single document is
// longer), its token ids, its shard, and the text read ahead for the next one: about 100 MiB for
// ordinary text. It does not depend on the size of the corpus.
//
// One difference from the original: the other document of a random pair is drawn from the same
// chunk. The original draws from all documents of its input files, which it holds in memory.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "base/file_system.h"
#include "text/chunk_reader.h"
#include "text/document_reader.h"
#include "text/example_builder.h"
#include "text/tokenizer.h"

namespace lambert {

struct PreparationSettings {
  std::vector<std::string> inputs;  // files, folders, globs
  std::filesystem::path output;
  ExampleSettings examples;
  std::int64_t duplicate_factor = 1;  // passes over the corpus
  CorpusOptions corpus;
  std::int64_t chunk_bytes = kDefaultChunkBytes;
  std::int64_t workers = 1;  // threads of this rank; at least 1
};

/// This process among those that fill the folder together. barrier: returns when all ranks have
/// called it.
struct PreparationRank {
  int rank = 0;
  int size = 1;
  std::function<void()> barrier = [] {};
};

/// Prepares the corpus, or the part of it that this rank has to do. All ranks must see the same
/// input files and the same output folder. Throws ConfigError, DataError (bad input, no usable
/// document), BusyError, StorageError.
void prepare_corpus(const PreparationSettings& settings, const Tokenizer& tokenizer,
                    FileSystem& file_system, const PreparationRank& rank);

}  // namespace lambert
