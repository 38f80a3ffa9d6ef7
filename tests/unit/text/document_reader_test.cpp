// SPDX-License-Identifier: Apache-2.0
#include "text/document_reader.h"

#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "support/temp_directory.h"

namespace lambert {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

class DocumentReading : public ::testing::Test {
 protected:
  fs::path write(const std::string& content, const std::string& name = "text.txt") const {
    std::ofstream(folder_ / name, std::ios::binary) << content;
    return folder_ / name;
  }
  /// Documents as their lines.
  std::vector<std::vector<std::string>> read(const fs::path& file,
                                             const CorpusOptions& options = {}) {
    DocumentReader reader(file, options);
    std::vector<std::vector<std::string>> documents;
    Document document;
    while (reader.next(document)) {
      documents.push_back(document.lines);
    }
    counts_ = reader.bad_text();
    return documents;
  }
  std::string failure_of(const fs::path& file, const CorpusOptions& options = {}) {
    try {
      read(file, options);
    } catch (const DataError& error) {
      return error.what();
    }
    return "no error";
  }

  TempDirectory folder_;
  BadTextCounts counts_;
};

TEST_F(DocumentReading, EndsADocumentAtBlankLines) {
  EXPECT_THAT(read(write("\n \na\nb\n\n\t\n\nc")),
              ElementsAre(ElementsAre("a", "b"), ElementsAre("c")));
  EXPECT_EQ(counts_.documents, 2);
}

TEST_F(DocumentReading, RemovesCarriageReturnsAndALeadingByteOrderMark) {
  EXPECT_THAT(read(write("\xEF\xBB\xBF"
                         "a\r\nb\r\n\r\nc\xEF\xBB\xBF\r\n")),
              ElementsAre(ElementsAre("a", "b"), ElementsAre("c\xEF\xBB\xBF")));
}

TEST_F(DocumentReading, FindsNothingInEmptyAndBlankFiles) {
  EXPECT_TRUE(read(write("")).empty());
  EXPECT_TRUE(read(write("\n\r\n  \n")).empty());
}

TEST_F(DocumentReading, ReadsEveryPackedForm) {
  const fs::path fixtures = fs::path(LAMBERT_FIXTURES) / "text";
  // Packed twice over and concatenated where the name says so; names do not tell the form.
  for (const char* name : {"plain", "gzip", "bzip2_concatenated", "xz", "zstd"}) {
    EXPECT_THAT(read(fixtures / (std::string("two_documents.") + name)),
                ElementsAre(ElementsAre("First line.", "Second line."),
                            ElementsAre("Dritte Zeile: \xC3\xBC.")))
        << name;
  }
}

TEST_F(DocumentReading, NamesAPackedFileThatIsCutShort) {
  const fs::path whole = fs::path(LAMBERT_FIXTURES) / "text" / "two_documents.gzip";
  const fs::path cut = folder_ / "cut";
  fs::copy_file(whole, cut);
  fs::resize_file(cut, fs::file_size(whole) - 12);
  EXPECT_THAT(failure_of(cut), AllOf(HasSubstr("cut"), HasSubstr("damaged, cut short")));
}

TEST_F(DocumentReading, ReadsTheTextOfJsonLines) {
  EXPECT_THAT(read(write("\n{\"id\": 1, \"text\": \"One.\\n\\nTwo "
                         "\\u00fc.\"}\n\n{\"text\":\"\"}\n{\"text\":\"Three\"}")),
              ElementsAre(ElementsAre("One.", "Two \xC3\xBC."), ElementsAre("Three")));
}

TEST_F(DocumentReading, NamesLineAndKeyOfBadJson) {
  EXPECT_THAT(failure_of(write("{\"text\":\"a\"}\n{\"text\": 5}")),
              AllOf(HasSubstr("line 2"), HasSubstr("`text` is not a string")));
  EXPECT_THAT(failure_of(write("{\"title\":\"a\"}")), HasSubstr("`text` is missing"));
  EXPECT_THAT(failure_of(write("{\"text\":\"a\",\"text\":\"b\"}")),
              HasSubstr("`text` occurs twice"));
  EXPECT_THAT(failure_of(write("{\"text\":\"a\"}\n{\"text\":")),
              AllOf(HasSubstr("line 2"), HasSubstr("malformed JSON")));
  EXPECT_THAT(failure_of(write("{\"text\":\"a\\u0000b\"}")), HasSubstr("control character"));
}

TEST_F(DocumentReading, NamesPlaceAndBytesOfInvalidUtf8) {
  EXPECT_THAT(failure_of(write("good\n\nbad \xC3\x28 here\n")),
              AllOf(HasSubstr("text.txt, line 3, byte offset 10"), HasSubstr("c3 28")));
}

TEST_F(DocumentReading, DropsAndCountsTheWholeDocumentInSkipMode) {
  CorpusOptions options;
  options.skip_bad_text = true;
  EXPECT_THAT(read(write(std::string("a\n\nb\nc\xFF\nd\n\ne\n\nf") + '\0' + "g\n\nh"), options),
              ElementsAre(ElementsAre("a"), ElementsAre("e"), ElementsAre("h")));
  EXPECT_EQ(counts_.invalid_utf8_lines, 1);
  EXPECT_EQ(counts_.control_character_lines, 1);
  EXPECT_EQ(counts_.dropped_documents, 2);
  EXPECT_EQ(counts_.documents, 3);
}

TEST_F(DocumentReading, GivesUpAfterAHundredBadDocumentsInARow) {
  CorpusOptions options;
  options.skip_bad_text = true;
  std::string text;
  for (int i = 0; i < 99; ++i) {
    text += "\xFF\n\n";
  }
  EXPECT_EQ(failure_of(write(text + "good\n\n" + text), options), "no error");
  EXPECT_THAT(failure_of(write(text + "\xFF\n\n"), options), HasSubstr("100 documents in a row"));
}

TEST_F(DocumentReading, NamesTheLengthOfALongLineAndHoldsLimitsExactly) {
  CorpusOptions options;
  options.max_line_bytes = 10;
  EXPECT_THAT(read(write("0123456789\r\n0123456789"), options),
              ElementsAre(ElementsAre("0123456789", "0123456789")));
  EXPECT_THAT(failure_of(write("a\n0123456789x\n"), options),
              AllOf(HasSubstr("line 2"), HasSubstr("11 bytes")));
  EXPECT_THAT(failure_of(write(std::string(1000000, 'x')), options), HasSubstr("1000000 bytes"));
}

TEST_F(DocumentReading, CutsDocumentsAboveTheLimitAtALineEnd) {
  CorpusOptions options;
  options.max_document_bytes = 4;
  EXPECT_THAT(read(write("aa\nbb\ncc\n\nd"), options),
              ElementsAre(ElementsAre("aa", "bb"), ElementsAre("cc"), ElementsAre("d")));
  EXPECT_EQ(counts_.cut_documents, 1);
}

TEST_F(DocumentReading, AcceptsAFewDroppedDocumentsAndNoMore) {
  BadTextCounts counts;
  counts.documents = 5;
  counts.dropped_documents = 10;
  EXPECT_NO_THROW(check_dropped_share(counts));
  counts.dropped_documents = 11;
  EXPECT_THROW(check_dropped_share(counts), DataError);
  counts.documents = 1000000;
  EXPECT_NO_THROW(check_dropped_share(counts));
}

TEST_F(DocumentReading, ExpandsFilesFoldersAndGlobsSorted) {
  fs::create_directories(folder_ / "deep");
  for (const char* name : {"b.txt", "a.txt", ".hidden", "deep/c.txt", "z.md"}) {
    write("x", name);
  }
  const std::string root = folder_.path().string();
  EXPECT_THAT(expand_inputs({root}), ElementsAre(folder_ / "a.txt", folder_ / "b.txt",
                                                 folder_ / "deep/c.txt", folder_ / "z.md"));
  EXPECT_THAT(expand_inputs({root + "/z.md", root + "/*.txt"}),
              ElementsAre(folder_ / "z.md", folder_ / "a.txt", folder_ / "b.txt"));
}

TEST_F(DocumentReading, NamesEveryProblemOfTheInputsAtOnce) {
  write("x", "a.txt");
  const std::string root = folder_.path().string();
  try {
    expand_inputs({root + "/a.txt", root + "/*.none", root + "/missing", root + "/./a.txt"});
    FAIL() << "no error";
  } catch (const DataError& error) {
    EXPECT_THAT(error.what(),
                AllOf(HasSubstr("*.none"), HasSubstr("missing"), HasSubstr("given twice")));
  }
}

}  // namespace
}  // namespace lambert
