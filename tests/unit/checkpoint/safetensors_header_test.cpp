// SPDX-License-Identifier: Apache-2.0
// Every row of the format's rules: what is refused, and that the message says which tensor.
#include "checkpoint/safetensors_header.h"

#include <chrono>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"

namespace lambert {
namespace {

using testing::HasSubstr;

std::string entry(const std::string& name, const std::string& fields) {
  return "\"" + name + "\":{" + fields + "}";
}

std::string floats(const std::string& name, std::uint64_t begin, std::uint64_t end) {
  return entry(name, R"("dtype":"F32","shape":[)" + std::to_string((end - begin) / 4) +
                         R"(],"data_offsets":[)" + std::to_string(begin) + "," +
                         std::to_string(end) + "]");
}

/// The reason of the refusal, whose exit code is 3.
std::string refusal(const std::string& header, std::uint64_t data_bytes) {
  try {
    parse_safetensors_header(header, data_bytes);
  } catch (const Error& error) {
    return error.code() == ExitCode::data ? error.what() : "another exit code";
  }
  return "accepted";
}

/// Tensors one after the other, each with its data_offsets.
std::string layout(std::initializer_list<std::string> entries) {
  std::string header = "{";
  for (const std::string& text : entries) {
    header += (header.size() == 1 ? "" : ",") + text;
  }
  return header + "}";
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

TEST(SafetensorsHeader, RefusesOverlappingData) {
  EXPECT_THAT(refusal(layout({floats("a", 0, 8), floats("b", 4, 12)}), 12),
              HasSubstr("'b': data_offsets [4, 12], expected 8 bytes from 8 on"));
}

TEST(SafetensorsHeader, RefusesAHoleInTheData) {
  EXPECT_THAT(refusal(layout({floats("a", 0, 8), floats("b", 12, 16)}), 16),
              HasSubstr("'b': data_offsets [12, 16], expected 4 bytes from 8 on"));
  EXPECT_THAT(refusal(layout({floats("a", 4, 12)}), 12), HasSubstr("expected 8 bytes from 0 on"));
}

TEST(SafetensorsHeader, RefusesEntriesOutOfTheOrderOfTheirData) {
  EXPECT_THAT(refusal(layout({floats("b", 8, 16), floats("a", 0, 8)}), 16),
              HasSubstr("'b': data_offsets [8, 16], expected 8 bytes from 0 on"));
}

TEST(SafetensorsHeader, RefusesReversedOffsets) {
  EXPECT_THAT(refusal(layout({entry("a", R"("dtype":"F32","shape":[2],"data_offsets":[8,0])")}), 8),
              HasSubstr("'a': data_offsets [8, 0]"));
}

TEST(SafetensorsHeader, RefusesDataBeyondTheEndOfTheFile) {
  EXPECT_THAT(refusal(layout({floats("a", 0, 8)}), 4),
              HasSubstr("'a': data_offsets [0, 8], expected 8 bytes from 0 on within 4"));
}

TEST(SafetensorsHeader, RefusesDataAfterTheLastTensor) {
  EXPECT_THAT(refusal(layout({floats("a", 0, 8)}), 12), HasSubstr("4 bytes after its last tensor"));
}

TEST(SafetensorsHeader, RefusesNoDataForAShapeThatNeedsSome) {
  EXPECT_THAT(refusal(layout({entry("a", R"("dtype":"F32","shape":[2],"data_offsets":[0,0])")}), 0),
              HasSubstr("'a': data_offsets [0, 0], expected 8 bytes"));
}

TEST(SafetensorsHeader, RefusesAnEmptyTensorThatUsesAnOffsetAgain) {
  const std::string empty = entry("b", R"("dtype":"F32","shape":[0],"data_offsets":[8,8])");
  EXPECT_THAT(refusal(layout({floats("a", 0, 8), empty}), 8), HasSubstr("'b' is empty"));
  EXPECT_THAT(refusal(layout({floats("a", 0, 8), empty, floats("c", 8, 16)}), 16),
              HasSubstr("'b' is empty"));
}

TEST(SafetensorsHeader, RefusesShapesWhoseProductWraps) {
  // The true products are 2^64 and 4000000654912893815902699524, in 64 bits 0 and 4.
  for (const char* shape : {"[4294967296,4294967296,1]", "[1271108703,1987773076,1583108083]"}) {
    const std::string wraps =
        entry("a", R"("dtype":"U8","shape":)" + std::string(shape) + R"(,"data_offsets":[0,4])");
    EXPECT_THAT(refusal(layout({wraps}), 4), HasSubstr("'a': its size overflows 64 bits"));
  }
}

TEST(SafetensorsHeader, RefusesALargeShapeWithLittleData) {
  const std::string large = entry("a", R"("dtype":"F32","shape":[1000000],"data_offsets":[0,4])");
  EXPECT_THAT(refusal(layout({large}), 4), HasSubstr("'a': data_offsets [0, 4], expected 4000000"));
}

TEST(SafetensorsHeader, RefusesANameThatStandsThereTwice) {
  EXPECT_THAT(refusal(layout({floats("a", 0, 8), floats("a", 8, 16)}), 16),
              HasSubstr("'a': stands there twice"));
}

TEST(SafetensorsHeader, RefusesAnEmptyNameAndOneThatIsTooLong) {
  EXPECT_THAT(refusal(layout({floats("", 0, 8)}), 8), HasSubstr("a tensor name has 0 bytes"));
  EXPECT_THAT(refusal(layout({floats(std::string(1025, 'a'), 0, 8)}), 8),
              HasSubstr("a tensor name has 1025 bytes; 1 to 1024 are allowed"));
  EXPECT_EQ(refusal(layout({floats(std::string(1024, 'a'), 0, 8)}), 8), "accepted");
}

TEST(SafetensorsHeader, RefusesControlCharactersAndPathsInNames) {
  for (const char* name : {"a\\u0000b", "a\\nb", "a\\u007fb", "../a", "a/../b"}) {
    EXPECT_THAT(refusal(layout({floats(name, 0, 8)}), 8),
                HasSubstr("'" + std::string(name) + "': a tensor name has control characters"))
        << name;
  }
}

TEST(SafetensorsHeader, RefusesUnknownTypesAndWhatIsNoWholeNumberAndNamesTheTensor) {
  for (const char* fields : {
           R"("dtype":"F31","shape":[2],"data_offsets":[0,8])",
           R"("dtype":true,"shape":[2],"data_offsets":[0,8])",
           R"("dtype":"F32\u0000","shape":[2],"data_offsets":[0,8])",
           R"("dtype":"F32","shape":[true],"data_offsets":[0,8])",
           R"("dtype":"F32","shape":[-2],"data_offsets":[0,8])",
           R"("dtype":"F32","shape":[2.0],"data_offsets":[0,8])",
           R"("dtype":"F32","shape":[2e0],"data_offsets":[0,8])",
           R"("dtype":"F32","shape":[1.5],"data_offsets":[0,8])",
           R"("dtype":"F32","shape":[1e3],"data_offsets":[0,4000])",
           R"("dtype":"F32","shape":[2],"data_offsets":[-8,0])",
           R"("dtype":"F32","shape":[2],"data_offsets":[false,8])",
           R"("dtype":7,"shape":[2],"data_offsets":[0,8])",
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
    deep += "{\"dtype\":";
  }
  EXPECT_THAT(refusal(deep + "}", 0), HasSubstr("nested too deep"));
  EXPECT_THAT(refusal("{\"a\":" + std::string(1'000'000, '[') + "}", 0),
              HasSubstr("unexpected list"));
  EXPECT_THAT(refusal(R"({"a":{"dtype":"F32","shape":)" + std::string(1'000'000, '[') + "}", 0),
              HasSubstr("'a': unexpected list"));
}

std::string many_tensors(std::size_t count) {
  std::string header = "{";
  for (std::size_t i = 0; i < count; ++i) {
    header += (i == 0 ? "" : ",") + floats("tensor" + std::to_string(i), i * 4, i * 4 + 4);
  }
  return header + "}";
}

TEST(SafetensorsHeader, ReadsAHundredThousandTensorsWithinTwoSeconds) {
  const std::string header = many_tensors(kMaxTensors);
  const auto start = std::chrono::steady_clock::now();
  EXPECT_EQ(refusal(header, kMaxTensors * 4), "accepted");
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(2));
}

TEST(SafetensorsHeader, RefusesAMillionTensorsAtTheLimit) {
  const std::string header = many_tensors(1'000'000);
  const auto start = std::chrono::steady_clock::now();
  EXPECT_THAT(refusal(header, 4'000'000), HasSubstr("more than 100000 tensors"));
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(2));
}

}  // namespace
}  // namespace lambert
