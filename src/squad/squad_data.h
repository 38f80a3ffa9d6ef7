// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "config/squad_config.h"

namespace lambert {

struct SquadAnswer {
  std::string text;
  std::int64_t start = 0;  // code points from the start of the context
};

struct SquadQuestion {
  std::string id;
  std::string text;
  std::vector<SquadAnswer> answers;  // empty only when impossible
  bool is_impossible = false;
  std::string wrong_offset;  // what stands where an answer should; empty: all are in their place
  std::size_t context = 0;   // index into SquadData::contexts
};

/// A SQuAD file, in its order.
struct SquadData {
  std::filesystem::path file;
  std::vector<std::string> contexts;
  std::vector<SquadQuestion> questions;
  bool has_impossible_key = false;  // as every v2.0 file has
};

/// Reads SQuAD v1.1 or v2.0 JSON, plain UTF-8. Throws DataError with file, line, column, JSON path
/// or question id. Wrong answer offsets are noted, not thrown: scoring does not need them.
SquadData read_squad(const std::filesystem::path& file);
/// The same for the text of a file; messages name the file.
SquadData parse_squad(std::string_view text, const std::filesystem::path& file);

/// wanted: 1.1 or 2.0; empty: as the file says.
SquadVersion choose_version(const std::string& wanted, const SquadData& data);

/// Throws DataError when the file is of the other version: questions without answer in v1.1, or no
/// is_impossible at all in v2.0.
void require_version(const SquadData& data, SquadVersion version);

/// count questions, spread evenly over the file (which is ordered by article), in its order, with
/// the contexts they need; all for count 0 or more than there are. Wrong offsets are not listed
/// again.
SquadData spread_questions(const SquadData& data, std::int64_t count);

/// For training: logs the wrong offsets, and throws DataError when they are more than 1 % of the
/// questions.
void require_answer_offsets(const SquadData& data);

}  // namespace lambert
