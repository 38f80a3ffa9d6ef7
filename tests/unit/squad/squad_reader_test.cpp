// SPDX-License-Identifier: Apache-2.0
// Every way in which a SQuAD file can be wrong, and what is said about it.
#include <chrono>

#include "squad/squad_features.h"
#include "unit/squad/squad_case.h"

namespace lambert {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::StartsWith;

TEST(SquadReader, ReadsQuestionsInTheirOrder) {
  const SquadData data = squad_of(kGoodSquad);
  ASSERT_EQ(data.questions.size(), 2U);
  EXPECT_EQ(data.questions[0].id, "q1");
  EXPECT_EQ(data.questions[1].answers[0].text, "blue");
  EXPECT_EQ(data.questions[1].answers[0].start, 11);
  EXPECT_EQ(data.contexts[data.questions[1].context], "The sky is blue.");
  EXPECT_FALSE(data.has_impossible_key);
  EXPECT_THAT(data.questions[0].wrong_offset, IsEmpty());
}

TEST(SquadReader, RefusesAFileThatIsNotThere) {
  EXPECT_THAT(data_error_of([] { read_squad("nowhere.json"); }),
              AllOf(HasSubstr("reading nowhere.json"), HasSubstr("no such file")));
}

TEST(SquadReader, RefusesTextThatIsNotJson) {
  EXPECT_THAT(reading_error_of("id,question,answer\n"),
              AllOf(StartsWith("case.json, line 1, column 1: not JSON"),
                    HasSubstr("give a complete SQuAD v1.1 or v2.0 file")));
}

TEST(SquadReader, RefusesAnEmptyFile) {
  EXPECT_THAT(reading_error_of(""), StartsWith("case.json, line 1, column 1: not JSON"));
}

TEST(SquadReader, RefusesATruncatedFile) {
  const std::string whole = kGoodSquad;
  EXPECT_THAT(reading_error_of(whole.substr(0, whole.find("\"q2\""))),
              AllOf(StartsWith("case.json, line 7, column "), HasSubstr("not JSON")));
}

TEST(SquadReader, RefusesAByteOrderMark) {
  EXPECT_THAT(reading_error_of(std::string("\xEF\xBB\xBF") + kGoodSquad),
              AllOf(HasSubstr("byte order mark"), HasSubstr("UTF-8 without one")));
}

TEST(SquadReader, RefusesUtf16) {
  for (const bool little : {true, false}) {
    std::string wide = little ? "\xFF\xFE" : "\xFE\xFF";
    for (const char character : std::string(kGoodSquad)) {
      wide += little ? std::string{character, '\0'} : std::string{'\0', character};
    }
    EXPECT_THAT(reading_error_of(wide), HasSubstr("byte order mark"));
    EXPECT_THAT(reading_error_of(wide.substr(2)), HasSubstr("not JSON")) << "without a mark";
  }
}

TEST(SquadReader, RefusesBytesThatAreNotUtf8) {
  EXPECT_THAT(reading_error_of(good_squad_with("colour", "col\xFFur")),
              AllOf(StartsWith("case.json, line 7, column 39: not UTF-8 (bytes FF"),
                    HasSubstr("save it as UTF-8")));
}

TEST(SquadReader, RefusesANameThatStandsTwice) {
  EXPECT_THAT(reading_error_of(good_squad_with("\"question\": \"What colour?\"",
                                               "\"id\": \"q3\", \"question\": \"What?\"")),
              StartsWith("case.json, line 7, column 18: the name 'id' stands there twice"));
}

TEST(SquadReader, RefusesDeepNesting) {
  EXPECT_THAT(reading_error_of(std::string(100000, '[')),
              StartsWith("case.json, line 1, column 17: nested more than 16 deep"));
}

TEST(SquadReader, RefusesAListAtTheTop) {
  EXPECT_THAT(reading_error_of("[]"),
              StartsWith("case.json, line 1, column 1: the top is array, expected an object"));
}

TEST(SquadReader, RefusesAFileWithoutQuestions) {
  EXPECT_THAT(reading_error_of("{\"data\": []}"),
              StartsWith("case.json, line 1, column 10: data holds no question"));
}

TEST(SquadReader, NamesTheObjectThatLacksAKey) {
  struct Row {
    const char* piece;
    const char* replacement;
    const char* message;
  };
  for (const Row& row : {
           Row{"\"data\"", "\"date\"", "line 1, column 1: the top has no 'data'"},
           Row{"\"paragraphs\"", "\"x\"", "line 2, column 11: data[0] has no 'paragraphs'"},
           Row{"\"context\"", "\"x\"", "line 3, column 18: data[0].paragraphs[0] has no 'context'"},
           Row{"\"qas\"", "\"x\"", "line 3, column 18: data[0].paragraphs[0] has no 'qas'"},
           Row{"\"id\": \"q2\"", "\"x\": 1",
               "line 7, column 5: data[0].paragraphs[0].qas[1] has no 'id'"},
           Row{"\"question\"", "\"x\"",
               "line 5, column 5: data[0].paragraphs[0].qas[0] has no 'question'"},
           Row{"\"answers\"", "\"x\"",
               "line 5, column 5: data[0].paragraphs[0].qas[0] has no 'answers'"},
           Row{"\"text\"", "\"x\"",
               "line 6, column 18: data[0].paragraphs[0].qas[0].answers[0] has no 'text'"},
           Row{"\"answer_start\"", "\"x\"",
               "line 6, column 18: data[0].paragraphs[0].qas[0].answers[0] has no 'answer_start'"},
       }) {
    EXPECT_THAT(reading_error_of(good_squad_with(row.piece, row.replacement)),
                StartsWith("case.json, " + std::string(row.message)))
        << row.piece;
  }
}

TEST(SquadReader, NamesTheValueOfAnotherType) {
  struct Row {
    const char* piece;
    const char* replacement;
    const char* message;
  };
  for (const Row& row : {
           Row{"[{\"title\"", "7, \"x\": [{\"title\"",
               "line 2, column 10: data is number, expected a list"},
           Row{"\"paragraphs\": ", "\"paragraphs\": 7, \"x\": ",
               "line 3, column 17: data[0].paragraphs is number, expected a list"},
           Row{"\"The sky is blue.\"", "7",
               "line 3, column 30: data[0].paragraphs[0].context is number, expected a text"},
           Row{"\"qas\": ", "\"qas\": {}, \"x\": ",
               "line 4, column 11: data[0].paragraphs[0].qas is object, expected a list"},
           Row{"\"q1\"", "7", "line 5, column 12: data[0].paragraphs[0].qas[0].id is number"},
           Row{"\"What is blue?\"", "null",
               "line 5, column 30: data[0].paragraphs[0].qas[0].question is null, expected a text"},
           Row{"\"sky\"", "[]",
               "line 6, column 27: data[0].paragraphs[0].qas[0].answers[0].text is array"},
           Row{"4}", "4.5}",
               "line 6, column 50: data[0].paragraphs[0].qas[0].answers[0].answer_start is 4.5, "
               "expected a whole number"},
           Row{"4}", "\"4\"}",
               "line 6, column 50: data[0].paragraphs[0].qas[0].answers[0].answer_start is \"4\""},
           Row{"4}", "18446744073709551615}",
               "line 6, column 50: data[0].paragraphs[0].qas[0].answers[0].answer_start is "
               "18446744073709551615, too large"},
           Row{"\"id\": \"q2\"", "\"is_impossible\": 0, \"id\": \"q2\"",
               "line 7, column 23: data[0].paragraphs[0].qas[1].is_impossible is number, expected "
               "true or false"},
       }) {
    EXPECT_THAT(reading_error_of(good_squad_with(row.piece, row.replacement)),
                StartsWith("case.json, " + std::string(row.message)))
        << row.replacement;
  }
}

TEST(SquadReader, RefusesAQuestionIdThatStandsTwice) {
  EXPECT_THAT(reading_error_of(good_squad_with("\"q2\"", "\"q1\"")),
              StartsWith("case.json, line 7, column 12: data[0].paragraphs[0].qas[1].id 'q1' "
                         "stands there twice"));
}

TEST(SquadReader, RefusesAnEmptyQuestionId) {
  EXPECT_THAT(reading_error_of(good_squad_with("\"q2\"", "\"\"")), HasSubstr("id is empty"));
}

TEST(SquadReader, RefusesAnEmptyContext) {
  for (const char* context : {"", " \\n\\t "}) {
    EXPECT_THAT(reading_error_of(good_squad_with("The sky is blue.", context)),
                StartsWith("case.json, line 3, column 30: data[0].paragraphs[0].context is empty"));
  }
}

TEST(SquadReader, RefusesAnswersToAnImpossibleQuestion) {
  EXPECT_THAT(reading_error_of(good_squad_with("\"q1\"", "\"q1\", \"is_impossible\": true")),
              StartsWith("case.json, line 6, column 17: data[0].paragraphs[0].qas[0].answers of "
                         "question 'q1' has answers, but is_impossible is true"));
}

TEST(SquadReader, RefusesAPossibleQuestionWithoutAnswers) {
  EXPECT_THAT(reading_error_of(good_squad_with("[{\"text\": \"sky\", \"answer_start\": 4}]", "[]")),
              HasSubstr("answers of question 'q1' is empty, but is_impossible is not true"));
}

TEST(SquadReader, KeepsAnImpossibleQuestionWithoutAnswers) {
  const SquadData data = squad_of(
      good_squad_with("\"answers\": [{\"text\": \"sky\", \"answer_start\": 4}]",
                      "\"is_impossible\": true, \"answers\": [], \"plausible_answers\": []"));
  EXPECT_TRUE(data.questions[0].is_impossible);
  EXPECT_TRUE(data.has_impossible_key);
}

// ------------------------------------------------------------------------------- answer offsets

/// What is wrong with the offset of an answer in a context of its own.
std::string wrong_offset_of(const std::string& context, const std::string& answer,
                            std::int64_t start) {
  return squad_of(paragraph_of(context, {question_of("q", "?", answer, start)}))
      .questions[0]
      .wrong_offset;
}

TEST(SquadOffsets, AreCountedInCodePoints) {
  EXPECT_THAT(wrong_offset_of("\u00E9\u4E00\U0001F600 sky", "sky", 4), IsEmpty());
}

TEST(SquadOffsets, CountedInBytesAreWrong) {
  EXPECT_EQ(wrong_offset_of("\u00E9 is a letter, sky is none", "sky", 16),
            "question 'q': 'sky' expected at 16, found 'ky '");
}

TEST(SquadOffsets, CountedInUtf16UnitsAreWrong) {
  EXPECT_EQ(wrong_offset_of("\U0001F600 smiles at the sky today", "sky", 17),
            "question 'q': 'sky' expected at 17, found 'ky '");
}

TEST(SquadOffsets, BelowZeroAreWrong) {
  EXPECT_EQ(wrong_offset_of("The sky", "sky", -1),
            "question 'q': 'sky' expected at -1, found nothing: that is before the context");
}

TEST(SquadOffsets, BehindTheEndAreWrong) {
  for (const std::int64_t start : {std::int64_t{5}, std::int64_t{7}, std::int64_t{INT64_MAX}}) {
    EXPECT_EQ(wrong_offset_of("The sky", "sky", start),
              "question 'q': 'sky' expected at " + std::to_string(start) +
                  ", found the end of the context, which has 7 code points");
  }
}

TEST(SquadOffsets, WithAnotherTextThereAreWrong) {
  EXPECT_EQ(wrong_offset_of("The sky", "sea", 4), "question 'q': 'sea' expected at 4, found 'sky'");
}

TEST(SquadOffsets, OfALongAnswerAreReportedWithItsBeginningInWholeCharacters) {
  std::string answer;
  for (int letter = 0; letter < 40; ++letter) {
    answer += "\u4E00";
  }
  const std::string message = wrong_offset_of("x" + answer, answer, 0);
  EXPECT_THAT(message, HasSubstr("question 'q': '\u4E00"));
  EXPECT_THAT(message, HasSubstr("'... expected at 0, found 'x"));
}

/// This many questions of which some have a wrong offset.
SquadData questions_with_wrong_offsets(int count, int wrong) {
  nlohmann::json questions = nlohmann::json::array();
  for (int index = 0; index < count; ++index) {
    questions.push_back(
        question_of("q" + std::to_string(index), "?", "sky", index < wrong ? 5 : 4));
  }
  return squad_of(paragraph_of("The sky is blue.", questions));
}

TEST(SquadOffsets, OfOneInAHundredAreAWarning) {
  const SquadData data = questions_with_wrong_offsets(100, 1);
  EXPECT_THAT(data_error_of([&data] { require_answer_offsets(data); }), IsEmpty());
  const auto tokenizer = uncased_tokenizer();
  EXPECT_EQ(make_training_features(data, *tokenizer, {}).unusable_questions, 1);
  EXPECT_EQ(make_prediction_features(data, *tokenizer, {}).features.size(), 100U)
      << "evaluation drops nothing";
}

TEST(SquadOffsets, OfMoreThanOneInAHundredEndTheTraining) {
  const SquadData data = questions_with_wrong_offsets(100, 2);
  EXPECT_THAT(data_error_of([&data] { require_answer_offsets(data); }),
              AllOf(HasSubstr("2 of 100 questions have an answer whose text is not at its "
                              "answer_start (counted in code points)"),
                    HasSubstr("first question 'q0': 'sky' expected at 5, found 'ky '"),
                    HasSubstr("repair the file")));
}

// --------------------------------------------------------------------------------------- versions

TEST(SquadVersions, FileOfV11IsRefusedAsV20) {
  const SquadData data = squad_of(kGoodSquad);
  EXPECT_THAT(data_error_of([&data] { require_version(data, SquadVersion::v2_0); }),
              AllOf(HasSubstr("not SQuAD v2.0"), HasSubstr("choose version 1.1")));
  EXPECT_THAT(data_error_of([&data] { require_version(data, SquadVersion::v1_1); }), IsEmpty());
  EXPECT_EQ(choose_version("", data), SquadVersion::v1_1);
}

TEST(SquadVersions, FileOfV20IsRefusedAsV11) {
  const SquadData data =
      squad_of(good_squad_with("\"answers\": [{\"text\": \"sky\", \"answer_start\": 4}]",
                               "\"is_impossible\": true, \"answers\": []"));
  EXPECT_THAT(data_error_of([&data] { require_version(data, SquadVersion::v1_1); }),
              AllOf(HasSubstr("1 questions are impossible"), HasSubstr("choose version 2.0")));
  EXPECT_THAT(data_error_of([&data] { require_version(data, SquadVersion::v2_0); }), IsEmpty());
  EXPECT_EQ(choose_version("", data), SquadVersion::v2_0);
}

// ------------------------------------------------------------------------------------------- size

TEST(SquadReader, TakesAContextOfTenMegabytesInSeconds) {
  std::string context;
  while (context.size() < 10'000'000) {
    context += "The sky is blue over the sea. ";
  }
  const auto began = std::chrono::steady_clock::now();
  const SquadData data = squad_of(paragraph_of(context, {question_of("q", "what?", "sky", 4)}));
  const SquadFeatures features = make_training_features(data, *uncased_tokenizer(), {});
  const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - began;
  EXPECT_GT(features.features.size(), 10'000U);
  EXPECT_LT(seconds.count(), 30.0);
}

}  // namespace
}  // namespace lambert
