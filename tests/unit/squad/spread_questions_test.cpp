// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "squad/squad_data.h"

namespace lambert {
namespace {

/// Paragraphs with two questions each.
SquadData paragraphs(std::size_t count) {
  SquadData data;
  for (std::size_t index = 0; index < count; ++index) {
    data.contexts.push_back("context " + std::to_string(index));
    for (const char* which : {"a", "b"}) {
      SquadQuestion question;
      question.id = std::to_string(index) + which;
      question.context = index;
      data.questions.push_back(question);
    }
  }
  return data;
}

std::vector<std::string> ids(const SquadData& data) {
  std::vector<std::string> found;
  for (const SquadQuestion& question : data.questions) {
    found.push_back(question.id + " of " + data.contexts[question.context]);
  }
  return found;
}

TEST(SpreadQuestions, TakesThemEvenlyAndKeepsOnlyTheirContexts) {
  const SquadData subset = spread_questions(paragraphs(5), 4);
  EXPECT_EQ(ids(subset), (std::vector<std::string>{"0a of context 0", "1a of context 1",
                                                   "2b of context 2", "3b of context 3"}));
  EXPECT_EQ(subset.contexts.size(), 4U);
}

TEST(SpreadQuestions, KeepsAllForZeroAndForMoreThanThereAre) {
  const SquadData data = paragraphs(3);
  for (const std::int64_t count : {0, 6, 100}) {
    EXPECT_EQ(ids(spread_questions(data, count)), ids(data));
    EXPECT_EQ(spread_questions(data, count).contexts, data.contexts);
  }
}

}  // namespace
}  // namespace lambert
