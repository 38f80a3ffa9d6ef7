// SPDX-License-Identifier: Apache-2.0
#include "squad/squad_score.h"

#include "unit/squad/squad_case.h"

namespace lambert {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

/// One question for each entry; an empty entry is impossible.
SquadData data_of(const std::vector<std::vector<std::string>>& answers) {
  SquadData data;
  data.contexts = {"context"};
  for (std::size_t index = 0; index < answers.size(); ++index) {
    SquadQuestion question;
    question.id = "q" + std::to_string(index);
    question.is_impossible = answers[index].empty();
    for (const std::string& text : answers[index]) {
      question.answers.push_back({text, 0});
    }
    data.questions.push_back(question);
  }
  return data;
}

TEST(SquadScore, TakesTheBestOverTheAnswers) {
  const SquadScore score = score_squad(data_of({{"Denver", "the Denver Broncos"}}),
                                       {{"q0", "Denver Broncos!"}}, SquadVersion::v1_1);
  EXPECT_EQ(score.all.exact_match, 100.0);
  EXPECT_EQ(score.all.f1, 100.0);
  EXPECT_EQ(score.all.total, 1);
}

TEST(SquadScore, OfAPartIsTheHarmonicMeanOfPrecisionAndRecall) {
  const SquadScore score = score_squad(data_of({{"one two three four"}}),
                                       {{"q0", "two three five"}}, SquadVersion::v1_1);
  EXPECT_EQ(score.all.exact_match, 0.0);
  const double precision = 2.0 / 3.0;
  const double recall = 2.0 / 4.0;
  EXPECT_EQ(score.all.f1, 100.0 * (2 * precision * recall / (precision + recall)));
}

TEST(SquadScore, CountsARepeatedWordAsOftenAsBothHaveIt) {
  const SquadScore score =
      score_squad(data_of({{"go go stop"}}), {{"q0", "go go go go"}}, SquadVersion::v1_1);
  EXPECT_EQ(score.questions[0].f1, 2 * 0.5 * (2.0 / 3.0) / (0.5 + 2.0 / 3.0));
}

TEST(SquadScore, OfV11GivesAnAnswerThatNormalisesToNothingF1ZeroAndExactMatchOne) {
  const SquadScore score = score_squad(data_of({{"The"}}), {{"q0", "a"}}, SquadVersion::v1_1);
  EXPECT_EQ(score.all.exact_match, 100.0);
  EXPECT_EQ(score.all.f1, 0.0);
}

TEST(SquadScore, OfV20GivesItBothFromTheEmptyAnswer) {
  const SquadScore score =
      score_squad(data_of({{"The"}, {}}), {{"q0", "a"}, {"q1", ""}}, SquadVersion::v2_0);
  EXPECT_EQ(score.all.exact_match, 100.0);
  EXPECT_EQ(score.all.f1, 100.0);
}

TEST(SquadScore, CountsMissingPredictionsZeroAndListsThem) {
  for (const SquadVersion version : {SquadVersion::v1_1, SquadVersion::v2_0}) {
    const SquadScore score =
        score_squad(data_of({{"sky"}, {"sea"}, {"sun"}}), {{"q1", "sea"}}, version);
    EXPECT_EQ(score.all.total, 3);
    EXPECT_EQ(score.all.f1, 100.0 / 3.0);
    EXPECT_THAT(score.missing, ElementsAre("q0", "q2"));
  }
}

TEST(SquadScore, ListsPredictionsForUnknownQuestions) {
  const SquadScore score =
      score_squad(data_of({{"sky"}}), {{"q0", "sky"}, {"x", "1"}, {"y", "2"}}, SquadVersion::v1_1);
  EXPECT_THAT(score.unknown, ElementsAre("x", "y"));
  EXPECT_EQ(score.all.f1, 100.0);
}

TEST(SquadScore, OfV20IsAlsoThatOfQuestionsWithAndWithoutAnswer) {
  const SquadScore score = score_squad(
      data_of({{"sky"}, {}, {}}), {{"q0", "sky"}, {"q1", ""}, {"q2", "x"}}, SquadVersion::v2_0);
  EXPECT_EQ(score.with_answer->f1, 100.0);
  EXPECT_EQ(score.with_answer->total, 1);
  EXPECT_EQ(score.without_answer->exact_match, 50.0);
  EXPECT_EQ(score.without_answer->total, 2);
}

TEST(SquadScore, OfV20LeavesOutAKindOfQuestionThatIsNotThere) {
  EXPECT_FALSE(score_squad(data_of({{"sky"}}), {{"q0", "sky"}}, SquadVersion::v2_0).without_answer);
  EXPECT_FALSE(score_squad(data_of({{}}), {{"q0", ""}}, SquadVersion::v2_0).with_answer);
}

TEST(SquadScore, TakesAnAnswerWithHighOddsForNone) {
  const NullOdds odds = {{"q0", 2.0}, {"q1", 2.0}};
  const Predictions predictions = {{"q0", "sky"}, {"q1", "x"}};
  const SquadData data = data_of({{"sky"}, {}});
  EXPECT_EQ(score_squad(data, predictions, SquadVersion::v2_0, &odds, 2.0).all.exact_match, 50.0)
      << "2 is not above 2";
  const SquadScore score = score_squad(data, predictions, SquadVersion::v2_0, &odds, 1.0);
  EXPECT_EQ(score.with_answer->exact_match, 0.0);
  EXPECT_EQ(score.without_answer->exact_match, 100.0);
}

TEST(BestThreshold, IsWhereTurningToAnswersPaysMost) {
  const NullOdds odds = {{"q0", -1.0}, {"q1", 3.0}, {"q2", 1.0}};
  const SquadScore score =
      score_squad(data_of({{"sky"}, {}, {"sea"}}), {{"q0", "sky"}, {"q1", "x"}, {"q2", "sea"}},
                  SquadVersion::v2_0, &odds);
  EXPECT_EQ(score.best->exact_match, 100.0);
  EXPECT_EQ(score.best->exact_match_threshold, 1.0);
}

TEST(BestThreshold, OfEqualOddsFollowsTheOrderOfTheFile) {
  const SquadData data = data_of({{"sky"}, {}});
  const Predictions predictions = {{"q0", "sky"}, {"q1", "x"}};
  const NullOdds answer_first = {{"q0", 1.0}, {"q1", 1.0}};
  const NullOdds none_first = {{"q1", 1.0}, {"q0", 1.0}};
  EXPECT_EQ(score_squad(data, predictions, SquadVersion::v2_0, &answer_first).best->f1, 100.0);
  EXPECT_EQ(score_squad(data, predictions, SquadVersion::v2_0, &none_first).best->f1, 50.0);
}

/// What reading a file of predictions or odds with this text says.
template <class Read>
std::string error_of_file(const std::string& text, const Read& read) {
  const TempDirectory folder;
  std::ofstream(folder / "p.json") << text;
  return data_error_of([&] { read(folder / "p.json"); });
}

TEST(Predictions, AreAnObjectOfTexts) {
  EXPECT_THAT(error_of_file("{\"q\": \"a\"}", read_predictions), IsEmpty());
  EXPECT_THAT(error_of_file("[\"a\"]", read_predictions), HasSubstr("the top is array"));
  EXPECT_THAT(error_of_file("{\"q\": 1}", read_predictions), HasSubstr("'q' has number"));
  EXPECT_THAT(error_of_file("{\"q\": \"a\", \"q\": \"b\"}", read_predictions),
              HasSubstr("the name 'q' stands there twice"));
  EXPECT_THAT(error_of_file("{\"q\": \"a\"", read_predictions), HasSubstr("not JSON"));
  EXPECT_THAT(data_error_of([] { read_predictions("nowhere.json"); }), HasSubstr("no such file"));
}

TEST(NullOddsFile, IsAnObjectOfNumbersInItsOrder) {
  const TempDirectory folder;
  std::ofstream(folder / "odds.json") << "{\"z\": 1, \"a\": -2.5}";
  EXPECT_THAT(read_null_odds(folder / "odds.json"),
              ElementsAre(std::pair<std::string, double>{"z", 1.0},
                          std::pair<std::string, double>{"a", -2.5}));
  EXPECT_THAT(error_of_file("{\"q\": \"1\"}", read_null_odds), HasSubstr("'q' has string"));
}

}  // namespace
}  // namespace lambert
