// SPDX-License-Identifier: Apache-2.0
#include "text/training_text.h"

#include "base/error.h"
#include "base/log.h"

namespace lambert {

void for_each_line(const std::vector<std::string>& patterns, const CorpusOptions& options,
                   const std::function<void(std::string_view)>& take_line) {
  BadTextCounts total;
  const auto files = expand_inputs(patterns);
  for (const auto& file : files) {
    DocumentReader reader(file, options);
    Document document;
    while (reader.next(document)) {
      for (const std::string& line : document.lines) {
        take_line(line);
      }
    }
    total += reader.bad_text();
  }
  check_dropped_share(total);
  if (total.documents == 0) {
    throw DataError("reading training text: no document in " + std::to_string(files.size()) +
                    " files; give files that hold text");
  }
  log_info("training text read files=" + std::to_string(files.size()) + " documents=" +
           std::to_string(total.documents) + " bytes=" + std::to_string(total.text_bytes) +
           " dropped_documents=" + std::to_string(total.dropped_documents));
}

}  // namespace lambert
