// SPDX-License-Identifier: Apache-2.0
#include "squad/json_place.h"

#include <gtest/gtest.h>

namespace lambert {
namespace {

constexpr const char* kText =
    "{\"data\": [\n"
    "  {\"a\": 1, \"b\": [true, null]},\n"
    "  {\"a\": \"x\\\"y\", \"b\": {}}]}";

TEST(JsonPlace, FindsAValueInsideObjectsAndLists) {
  EXPECT_EQ(place_in_json(kText, "data[0].a"), "line 2, column 9");
  EXPECT_EQ(place_in_json(kText, "data[0].b[1]"), "line 2, column 24");
  EXPECT_EQ(place_in_json(kText, "data[1].a"), "line 3, column 9");
  EXPECT_EQ(place_in_json(kText, "data[1].b"), "line 3, column 22");
}

TEST(JsonPlace, OfTheTopIsItsFirstCharacter) {
  EXPECT_EQ(place_in_json("\n  []", ""), "line 2, column 3");
}

TEST(JsonPlace, CountsColumnsInBytesFromOne) {
  EXPECT_EQ(place_of_byte("ab\ncd", 0), "line 1, column 1");
  EXPECT_EQ(place_of_byte("ab\ncd", 4), "line 2, column 2");
}

TEST(JsonPlace, OfAByteBehindTheEndIsTheEnd) {
  EXPECT_EQ(place_of_byte("ab\ncd", 99), "line 2, column 3");
}

TEST(JsonPlace, OfAMistakeIsTheFirstWrongByte) {
  EXPECT_EQ(place_of_json_mistake("{\"a\": 1,\n \"b\": nul}"), "line 2, column 10");
}

TEST(JsonPlace, OfATruncatedTextIsItsEnd) {
  EXPECT_EQ(place_of_json_mistake("{\"a\": [1,\n2"), "line 2, column 2");
}

TEST(JsonPlace, OfANameThatStandsTwiceIsTheSecondOne) {
  EXPECT_EQ(place_of_json_mistake("{\"a\": {\"b\": 1,\n \"c\": 2, \"b\": 3}}"),
            "line 2, column 10");
}

TEST(JsonPlace, TheSameNameInTwoObjectsIsNoMistake) {
  EXPECT_EQ(place_of_json_mistake("[{\"a\": 1},\n {\"a\": 2, \"a\": 3}]"), "line 2, column 10");
}

TEST(JsonPlace, OfTooDeepNestingIsTheLevelTooMany) {
  EXPECT_EQ(place_of_json_mistake(std::string(100, '[')), "line 1, column 17");
}

}  // namespace
}  // namespace lambert
