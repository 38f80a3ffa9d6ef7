// SPDX-License-Identifier: Apache-2.0
#include "checkpoint/safetensors_header.h"

#include <algorithm>
#include <array>
#include <unordered_set>

#include <nlohmann/json.hpp>

#include "base/error.h"

namespace lambert {
namespace {

using ordered_json = nlohmann::ordered_json;

constexpr std::size_t kLengthBytes = 8;
/// Text of the file as a message may show it: cut, control characters escaped.
std::string shown(const std::string& text) {
  const std::string quoted =
      ordered_json(text.substr(0, 80)).dump(-1, ' ', true, ordered_json::error_handler_t::replace);
  return "'" + quoted.substr(1, quoted.size() - 2) + "'";
}

/// What the next value belongs to.
enum class Place { top, tensor, metadata, shape, offsets };

/// Builds the entries event by event: a document model of a hostile header could take gigabytes,
/// and would silently keep the last of two equal names.
class HeaderReader final : public nlohmann::json_sax<nlohmann::json> {
 public:
  std::vector<SafetensorsEntry> take() { return std::move(entries_); }
  const std::string& problem() const { return problem_; }

  bool null() override { return fail("null is no value here"); }
  bool boolean(bool) override { return fail("true and false are no values here"); }
  bool binary(binary_t&) override { return fail("binary is no value here"); }
  bool number_integer(number_integer_t) override { return fail("negative number"); }
  bool number_float(number_float_t, const string_t& text) override {
    return fail(shown(text) + " is not a whole number below 2^64");
  }
  bool number_unsigned(number_unsigned_t value) override {
    if (place_ == Place::shape) {
      if (numbers_.size() == kMaxTensorRank) {
        return fail("more than " + std::to_string(kMaxTensorRank) + " dimensions");
      }
    } else if (place_ != Place::offsets || numbers_.size() == 2) {
      return fail("unexpected number");
    }
    numbers_.push_back(value);
    return true;
  }
  bool string(string_t& value) override {
    if (place_ == Place::metadata) {
      return true;
    }
    if (place_ != Place::tensor || field_ != "dtype") {
      return fail("unexpected text " + shown(value));
    }
    entries_.back().dtype = value;
    return true;
  }
  bool start_object(std::size_t) override {
    if (!started_) {
      started_ = true;
      return true;
    }
    if (place_ != Place::top) {
      return fail("objects nested too deep");
    }
    fields_.clear();
    if (name_ == "__metadata__") {
      place_ = Place::metadata;
      return true;
    }
    place_ = Place::tensor;
    if (entries_.size() == kMaxTensors) {
      return fail("more than " + std::to_string(kMaxTensors) + " tensors");
    }
    entries_.push_back({name_, {}, {}, 0, 0});
    return true;
  }
  bool end_object() override {
    if (place_ == Place::tensor && fields_.size() != 3) {
      return fail("needs dtype, shape and data_offsets");
    }
    place_ = Place::top;
    return true;
  }
  bool start_array(std::size_t) override {
    if (place_ != Place::tensor || (field_ != "shape" && field_ != "data_offsets")) {
      return fail("unexpected list");
    }
    place_ = field_ == "shape" ? Place::shape : Place::offsets;
    numbers_.clear();
    return true;
  }
  bool end_array() override {
    SafetensorsEntry& entry = entries_.back();
    if (place_ == Place::offsets) {
      if (numbers_.size() != 2) {
        return fail("data_offsets needs two numbers");
      }
      entry.begin = numbers_[0];
      entry.end = numbers_[1];
    } else {
      for (const std::uint64_t size : numbers_) {
        if (size > static_cast<std::uint64_t>(INT64_MAX)) {
          return fail("dimension " + std::to_string(size) + " is too large");
        }
        entry.shape.push_back(static_cast<std::int64_t>(size));
      }
    }
    place_ = Place::tensor;
    return true;
  }
  bool key(string_t& name) override {
    if (place_ == Place::top) {
      name_ = name;
      return check_name();
    }
    if (place_ == Place::tensor && name != "dtype" && name != "shape" && name != "data_offsets") {
      return fail("unknown field " + shown(name));
    }
    field_ = name;
    return fields_.insert(name).second || fail(shown(name) + " stands there twice");
  }
  bool parse_error(std::size_t position, const std::string&,
                   const nlohmann::detail::exception&) override {
    problem_ = "the header is not JSON from byte " + std::to_string(position) + " on";
    return false;
  }

 private:
  bool check_name() {
    if (name_.empty() || name_.size() > kMaxTensorName) {
      return fail("a tensor name has " + std::to_string(name_.size()) + " bytes; 1 to " +
                  std::to_string(kMaxTensorName) + " are allowed");
    }
    const bool printable = std::all_of(name_.begin(), name_.end(), [](char letter) {
      return static_cast<unsigned char>(letter) >= 0x20 && letter != 0x7F;
    });
    if (!printable || name_.find("../") != std::string::npos) {
      return fail("a tensor name has control characters or '../'");
    }
    return names_.insert(name_).second || fail("stands there twice");
  }
  bool fail(const std::string& reason) {
    problem_ = name_.empty() ? reason : shown(name_) + ": " + reason;
    return false;
  }

  std::vector<SafetensorsEntry> entries_;
  std::unordered_set<std::string> names_;
  std::unordered_set<std::string> fields_;
  std::vector<std::uint64_t> numbers_;
  std::string name_;
  std::string field_;
  std::string problem_;
  Place place_ = Place::top;
  bool started_ = false;
};

/// Bytes of the tensor by type and shape.
std::uint64_t checked_size(const SafetensorsEntry& entry) {
  std::uint64_t bytes = safetensors_element_bytes(entry.dtype);
  if (bytes == 0) {
    throw DataError("tensor '" + entry.name + "': type " + shown(entry.dtype) +
                    " is not read here");
  }
  for (const std::int64_t size : entry.shape) {
    if (__builtin_mul_overflow(bytes, static_cast<std::uint64_t>(size), &bytes)) {
      throw DataError("tensor '" + entry.name + "': its size overflows 64 bits");
    }
  }
  if (bytes == 0) {
    throw DataError("tensor '" + entry.name + "' is empty");
  }
  return bytes;
}

void check_layout(const std::vector<SafetensorsEntry>& entries, std::uint64_t data_bytes) {
  std::uint64_t expected_begin = 0;
  for (const SafetensorsEntry& entry : entries) {
    const std::uint64_t bytes = checked_size(entry);
    if (entry.begin != expected_begin || entry.end < entry.begin ||
        entry.end - entry.begin != bytes || entry.end > data_bytes) {
      throw DataError("tensor '" + entry.name + "': data_offsets [" + std::to_string(entry.begin) +
                      ", " + std::to_string(entry.end) + "], expected " + std::to_string(bytes) +
                      " bytes from " + std::to_string(expected_begin) + " on within " +
                      std::to_string(data_bytes));
    }
    expected_begin = entry.end;
  }
  if (expected_begin != data_bytes) {
    throw DataError("the file has " + std::to_string(data_bytes - expected_begin) +
                    " bytes after its last tensor");
  }
}

/// Little-endian, 8 bytes.
std::size_t header_bytes_of(std::string_view file) {
  if (file.size() < kLengthBytes) {
    throw DataError(std::to_string(file.size()) + " bytes are too few for a safetensors file");
  }
  std::uint64_t length = 0;
  for (std::size_t i = kLengthBytes; i-- > 0;) {
    length = (length << 8) | static_cast<unsigned char>(file[i]);
  }
  if (length > file.size() - kLengthBytes || length > kMaxHeaderBytes) {
    throw DataError("the header's length " + std::to_string(length) +
                    " exceeds the file or the limit");
  }
  return length;
}

}  // namespace

std::uint64_t safetensors_element_bytes(std::string_view dtype) {
  static constexpr std::array<std::pair<std::string_view, std::uint64_t>, 9> kTypes = {{{"F64", 8},
                                                                                        {"F32", 4},
                                                                                        {"F16", 2},
                                                                                        {"BF16", 2},
                                                                                        {"I64", 8},
                                                                                        {"I32", 4},
                                                                                        {"I16", 2},
                                                                                        {"I8", 1},
                                                                                        {"U8", 1}}};
  const auto* const found = std::find_if(kTypes.begin(), kTypes.end(),
                                         [&](const auto& type) { return type.first == dtype; });
  return found == kTypes.end() ? 0 : found->second;
}

std::string write_safetensors_header(const std::vector<SafetensorsEntry>& entries) {
  // Joined by hand: an ordered document of many names is slow to build, an unordered one loses the
  // file order.
  std::string header = R"({"__metadata__":{"format":"pt"})";
  for (const SafetensorsEntry& entry : entries) {
    ordered_json fields;
    fields["dtype"] = entry.dtype;
    fields["shape"] = entry.shape;
    fields["data_offsets"] = {entry.begin, entry.end};
    header += "," + ordered_json(entry.name).dump() + ":" + fields.dump();
  }
  header += "}";
  header.append((8 - header.size() % 8) % 8, ' ');
  return header;
}

std::vector<SafetensorsEntry> parse_safetensors_header(std::string_view header,
                                                       std::uint64_t data_bytes) {
  const std::size_t last = header.find_last_not_of(' ');
  if (header.empty() || header.front() != '{' || last == std::string_view::npos ||
      header[last] != '}') {
    throw DataError("the header does not start with '{' and end with '}'");
  }
  HeaderReader reader;
  if (!nlohmann::json::sax_parse(header.substr(0, last + 1), &reader)) {
    throw DataError(reader.problem());
  }
  std::vector<SafetensorsEntry> entries = reader.take();
  check_layout(entries, data_bytes);
  return entries;
}

SafetensorsLayout parse_safetensors(std::string_view file) {
  const std::size_t header_bytes = header_bytes_of(file);
  const std::size_t data_begin = kLengthBytes + header_bytes;
  return {
      parse_safetensors_header(file.substr(kLengthBytes, header_bytes), file.size() - data_begin),
      data_begin};
}

}  // namespace lambert
