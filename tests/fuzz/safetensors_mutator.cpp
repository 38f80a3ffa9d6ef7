// SPDX-License-Identifier: Apache-2.0
// libFuzzer's mutations break the length at the start and the size of the data nearly always; most
// mutants get fitting ones again, so that they reach the rules behind.
#include <algorithm>
#include <cctype>
#include <cstddef>
#include <cstdint>

extern "C" std::size_t LLVMFuzzerMutate(std::uint8_t* data, std::size_t size, std::size_t max_size);

namespace {

constexpr std::size_t kLengthBytes = 8;

/// The largest number in the text that is at most `limit`: where the data may end.
std::size_t largest_number(const std::uint8_t* text, std::size_t size, std::size_t limit) {
  std::size_t largest = 0;
  std::size_t number = 0;
  for (std::size_t at = 0; at < size; ++at) {
    number = std::isdigit(text[at]) != 0 && number <= limit ? number * 10 + text[at] - '0' : 0;
    if (number <= limit) {
      largest = std::max(largest, number);
    }
  }
  return largest;
}

}  // namespace

extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size,
                                               std::size_t max_size, unsigned int seed) {
  size = LLVMFuzzerMutate(data, size, max_size);
  std::size_t header_end = size;
  while (header_end > kLengthBytes && data[header_end - 1] != '}') {
    --header_end;
  }
  if (header_end <= kLengthBytes || seed % 4 == 0) {
    return size;
  }
  const std::size_t header_bytes = header_end - kLengthBytes;
  for (std::size_t index = 0; index < kLengthBytes; ++index) {
    data[index] = static_cast<std::uint8_t>(header_bytes >> (8 * index));
  }
  if (seed % 4 == 1) {
    return size;
  }
  const std::size_t data_bytes =
      largest_number(data + kLengthBytes, header_bytes, max_size - header_end);
  std::fill_n(data + header_end, data_bytes, std::uint8_t{0});
  return header_end + data_bytes;
}
