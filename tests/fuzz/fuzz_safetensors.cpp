// SPDX-License-Identifier: Apache-2.0
// Input: a safetensors file. Accepted means that the format's rules hold, checked here once more on
// a document model, and that the written header reads back the same.
#include <cctype>
#include <cstdint>
#include <set>
#include <string>

#include <nlohmann/json.hpp>

#include "checkpoint/safetensors_header.h"
#include "fuzz/fuzz_target.h"

namespace lambert {
namespace {

using nlohmann::json;

/// The digits of "BF16" are the bits of an element.
std::uint64_t element_bytes(const std::string& dtype) {
  const std::size_t digits = dtype.find_first_of("123456789");
  require(digits != std::string::npos, "the type names its bits");
  return std::stoul(dtype.substr(digits)) / 8;
}

void require_good_name(const std::string& name) {
  require(!name.empty() && name.size() <= 1024, "a name has 1 to 1024 bytes");
  require(name.find("../") == std::string::npos, "a name leads out of no folder");
  for (const char letter : name) {
    require(std::iscntrl(static_cast<unsigned char>(letter)) == 0, "a name has no control letters");
  }
}

void require_metadata_of_texts(json& document) {
  if (document.contains("__metadata__")) {
    for (const auto& [name, value] : document.at("__metadata__").items()) {
      require(value.is_string(), "metadata are texts");
    }
    document.erase("__metadata__");
  }
}

void require_rules(std::string_view file, const SafetensorsLayout& layout) {
  std::uint64_t header_bytes = 0;
  for (std::size_t index = 0; index < 8; ++index) {
    header_bytes |= std::uint64_t{static_cast<unsigned char>(file[index])} << (8 * index);
  }
  require(layout.data_begin == 8 + header_bytes, "the data follow the header");
  json document = json::parse(file.substr(8, header_bytes));
  require_metadata_of_texts(document);
  require(document.size() == layout.entries.size(), "every tensor once");
  std::set<std::string> names;
  std::uint64_t position = 0;
  for (const SafetensorsEntry& entry : layout.entries) {
    require(names.insert(entry.name).second, "names are unique");
    require_good_name(entry.name);
    const json& fields = document.at(entry.name);
    require(fields == json{{"dtype", entry.dtype},
                           {"shape", entry.shape},
                           {"data_offsets", {entry.begin, entry.end}}},
            "an entry is what stands in the header");
    std::uint64_t bytes = element_bytes(entry.dtype);
    for (const std::int64_t dimension : entry.shape) {
      require(dimension > 0, "no tensor is empty");
      require(static_cast<std::uint64_t>(dimension) <= file.size() / bytes,
              "a tensor is not larger than its file");
      bytes *= static_cast<std::uint64_t>(dimension);
    }
    require(entry.begin == position, "no holes and no overlaps");
    position += bytes;
    require(entry.end == position, "offsets fit the shape");
  }
  require(layout.data_begin + position == file.size(), "nothing follows the last tensor");
}

}  // namespace

bool accepts(std::string_view input) {
  SafetensorsLayout layout;
  try {
    layout = parse_safetensors(input);
  } catch (const DataError& error) {
    require_short_message(error);
    return false;
  }
  require_rules(input, layout);
  const std::string written = write_safetensors_header(layout.entries);
  const auto read = parse_safetensors_header(written, input.size() - layout.data_begin);
  require(write_safetensors_header(read) == written, "a written header reads back the same");
  return true;
}

}  // namespace lambert
