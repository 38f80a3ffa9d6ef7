// SPDX-License-Identifier: Apache-2.0
// Every row of the format's rules: what is refused, and that the message says which tensor.
#include "checkpoint/safetensors_header.h"

#include <chrono>

#include <gtest/gtest.h>

#include "base/error.h"

namespace lambert {
namespace {

std::string entry(const std::string& name, const std::string& fields) {
  return "\"" + name + "\":{" + fields + "}";
}

std::string floats(const std::string& name, std::uint64_t begin, std::uint64_t end) {
  return entry(name, R"("dtype":"F32","shape":[)" + std::to_string((end - begin) / 4) +
                         R"(],"data_offsets":[)" + std::to_string(begin) + "," +
                         std::to_string(end) + "]");
}

std::string refusal(const std::string& header, std::uint64_t data_bytes) {
  try {
    parse_safetensors_header(header, data_bytes);
  } catch (const DataError& error) {
    return error.what();
  }
  return "accepted";
}

TEST(SafetensorsHeader, ReadsWhatItWrites) {
  const std::vector<SafetensorsEntry> entries = {{"a", "F32", {2, 3}, 0, 24},
                                                 {"b \"quoted\" \xC3\xA9", "BF16", {4}, 24, 32},
                                                 {"scalar", "I64", {}, 32, 40}};
  const std::string header = write_safetensors_header(entries);
  EXPECT_EQ(header.size() % 8, 0U);
  EXPECT_TRUE(header.starts_with(R"({"__metadata__":{"format":"pt"},"a":{"dtype":"F32",)"));
  const std::vector<SafetensorsEntry> read = parse_safetensors_header(header, 40);
  ASSERT_EQ(read.size(), 3U);
  EXPECT_EQ(read[1].name, entries[1].name);
  EXPECT_EQ(read[0].shape, (std::vector<std::int64_t>{2, 3}));
  EXPECT_EQ(read[2].end, 40U);
}

TEST(SafetensorsHeader, RefusesEveryOtherLayoutOfTheData) {
  const std::string overlap = "{" + floats("a", 0, 8) + "," + floats("b", 4, 12) + "}";
  EXPECT_NE(refusal(overlap, 12).find("'b'"), std::string::npos);
  const std::string hole = "{" + floats("a", 0, 8) + "," + floats("b", 12, 16) + "}";
  EXPECT_NE(refusal(hole, 16).find("'b'"), std::string::npos);
  const std::string unsorted = "{" + floats("b", 8, 16) + "," + floats("a", 0, 8) + "}";
  EXPECT_NE(refusal(unsorted, 16).find("'b'"), std::string::npos);
  const std::string beyond = "{" + floats("a", 0, 8) + "}";
  EXPECT_NE(refusal(beyond, 4).find("'a'"), std::string::npos);
  EXPECT_NE(refusal(beyond, 12).find("4 bytes after its last tensor"), std::string::npos);
  const std::string reversed =
      "{" + entry("a", R"("dtype":"F32","shape":[2],"data_offsets":[8,0])") + "}";
  EXPECT_NE(refusal(reversed, 8), "accepted");
  const std::string nothing =
      "{" + entry("a", R"("dtype":"F32","shape":[2],"data_offsets":[0,0])") + "}";
  EXPECT_NE(refusal(nothing, 0), "accepted");
}

TEST(SafetensorsHeader, RefusesEmptyTensors) {
  const std::string empty = "{" + floats("a", 0, 8) + "," +
                            entry("b", R"("dtype":"F32","shape":[0],"data_offsets":[8,8])") + "}";
  EXPECT_NE(refusal(empty, 8).find("'b' is empty"), std::string::npos);
}

TEST(SafetensorsHeader, RefusesShapesWhoseProductWraps) {
  const std::string wraps =
      R"({"a":{"dtype":"U8","shape":[4294967296,4294967296,1],"data_offsets":[0,4]}})";
  EXPECT_NE(refusal(wraps, 4).find("overflows"), std::string::npos);
  const std::string large = R"({"a":{"dtype":"F32","shape":[1000000],"data_offsets":[0,4]}})";
  EXPECT_NE(refusal(large, 4).find("expected 4000000 bytes"), std::string::npos);
}

TEST(SafetensorsHeader, RefusesBadNames) {
  EXPECT_NE(refusal("{" + floats("a", 0, 8) + "," + floats("a", 8, 16) + "}", 16).find("twice"),
            std::string::npos);
  EXPECT_NE(refusal("{" + floats("", 0, 8) + "}", 8), "accepted");
  EXPECT_NE(refusal("{" + floats("a\\u0000b", 0, 8) + "}", 8), "accepted");
  EXPECT_NE(refusal("{" + floats("a\\nb", 0, 8) + "}", 8), "accepted");
  EXPECT_NE(refusal("{" + floats("../a", 0, 8) + "}", 8), "accepted");
  EXPECT_NE(refusal("{" + floats(std::string(1025, 'a'), 0, 8) + "}", 8), "accepted");
  EXPECT_EQ(refusal("{" + floats(std::string(1024, 'a'), 0, 8) + "}", 8), "accepted");
}

TEST(SafetensorsHeader, RefusesBadFields) {
  for (const char* fields : {
           R"("dtype":"F31","shape":[2],"data_offsets":[0,8])",
           R"("dtype":true,"shape":[2],"data_offsets":[0,8])",
           R"("dtype":"F32","shape":[true],"data_offsets":[0,8])",
           R"("dtype":"F32","shape":[-2],"data_offsets":[0,8])",
           R"("dtype":"F32","shape":[2.0],"data_offsets":[0,8])",
           R"("dtype":"F32","shape":[2e0],"data_offsets":[0,8])",
           R"("dtype":"F32","shape":["2"],"data_offsets":[0,8])",
           R"("dtype":"F32","shape":[18446744073709551616],"data_offsets":[0,8])",
           R"("dtype":"F32","shape":[1,1,1,1,1,1,1,1,2],"data_offsets":[0,8])",
           R"("dtype":"F32","shape":2,"data_offsets":[0,8])",
           R"("dtype":"F32","shape":[[2]],"data_offsets":[0,8])",
           R"("dtype":"F32","shape":[2],"data_offsets":[0,4,8])",
           R"("dtype":"F32","shape":[2],"data_offsets":[8])",
           R"("dtype":"F32","shape":[2])",
           R"("dtype":"F32","dtype":"F32","shape":[2],"data_offsets":[0,8])",
           R"("dtype":"F32","shape":[2],"data_offsets":[0,8],"more":1)",
           R"("dtype":"F32","shape":[2],"data_offsets":{"a":1})",
       }) {
    EXPECT_NE(refusal("{" + entry("tensor", fields) + "}", 8).find("'tensor'"), std::string::npos)
        << fields;
  }
}

TEST(SafetensorsHeader, RefusesWhatIsNoObjectOfTensors) {
  EXPECT_NE(refusal("", 0), "accepted");
  EXPECT_NE(refusal("[]", 0), "accepted");
  EXPECT_NE(refusal(" {}", 0), "accepted");
  EXPECT_NE(refusal("{}\n", 0), "accepted");
  EXPECT_EQ(refusal("{}      ", 0), "accepted");
  EXPECT_NE(refusal("{} {}", 0), "accepted");
  EXPECT_NE(refusal(R"({"a":1})", 0), "accepted");
  EXPECT_NE(refusal(R"({"a":[]})", 0), "accepted");
  EXPECT_NE(refusal("{\"a\xFF\":{}}", 0), "accepted");
  EXPECT_NE(refusal(R"({"__metadata__":{"format":1}})", 0), "accepted");
  EXPECT_NE(refusal(R"({"__metadata__":{"a":"b","a":"c"}})", 0), "accepted");
  EXPECT_NE(refusal(R"({"__metadata__":{},"__metadata__":{}})", 0), "accepted");
  EXPECT_EQ(refusal(R"({"__metadata__":{"format":"pt"}})", 0), "accepted");
}

TEST(SafetensorsHeader, RefusesDeepNestingAtOnce) {
  std::string deep = "{\"a\":";
  for (int i = 0; i < 1'000'000; ++i) {
    deep += "{\"a\":";
  }
  EXPECT_NE(refusal(deep + "}", 0), "accepted");
  EXPECT_NE(refusal("{\"a\":" + std::string(1'000'000, '[') + "}", 0), "accepted");
}

std::string many_tensors(std::size_t count) {
  std::string header = "{";
  for (std::size_t i = 0; i < count; ++i) {
    header += (i == 0 ? "" : ",") + floats("tensor" + std::to_string(i), i * 4, i * 4 + 4);
  }
  return header + "}";
}

TEST(SafetensorsHeader, ReadsTheLargestNumberOfTensorsInTimeAndRefusesMore) {
  const auto start = std::chrono::steady_clock::now();
  EXPECT_EQ(refusal(many_tensors(kMaxTensors), kMaxTensors * 4), "accepted");
  EXPECT_NE(refusal(many_tensors(kMaxTensors + 1), (kMaxTensors + 1) * 4).find("more than 100000"),
            std::string::npos);
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(10));
}

}  // namespace
}  // namespace lambert
