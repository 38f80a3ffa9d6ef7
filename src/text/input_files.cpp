// SPDX-License-Identifier: Apache-2.0
// expand_inputs of document_reader.h.
#include <algorithm>
#include <map>

#include <glob.h>
#include <unistd.h>

#include "base/error.h"
#include "text/document_reader.h"

namespace lambert {
namespace {

namespace fs = std::filesystem;

/// Everything that is wrong with the inputs, so that one message names it all.
struct Problems {
  std::vector<std::string> lines;
  void add(const std::string& what) { lines.push_back(what); }
};

bool is_hidden(const fs::path& path) {
  return path.filename().string().starts_with('.');
}

void add_file(const fs::path& path, std::vector<fs::path>& files, Problems& problems) {
  std::error_code error;
  if (!fs::is_regular_file(path, error)) {
    problems.add(path.string() + ": not a regular file" +
                 (error ? " (" + error.message() + ")" : ""));
  } else if (::access(path.c_str(), R_OK) != 0) {
    problems.add(path.string() + ": cannot be read (" + errno_text(errno) + ")");
  } else {
    files.push_back(path);
  }
}

void add_folder(const fs::path& folder, std::vector<fs::path>& files, Problems& problems) {
  std::vector<fs::path> entries;
  std::error_code error;
  for (fs::directory_iterator entry(folder, error), end; !error && entry != end;
       entry.increment(error)) {
    if (!is_hidden(entry->path())) {
      entries.push_back(entry->path());
    }
  }
  if (error) {
    problems.add(folder.string() + ": cannot be listed (" + error.message() + ")");
    return;
  }
  std::sort(entries.begin(), entries.end());
  for (const fs::path& entry : entries) {
    std::error_code ignored;
    // A link to a folder is not followed: it could lead in a circle.
    if (fs::is_directory(fs::symlink_status(entry, ignored))) {
      add_folder(entry, files, problems);
    } else if (!fs::is_directory(entry, ignored)) {
      add_file(entry, files, problems);
    }
  }
}

std::vector<fs::path> expand_glob(const std::string& pattern) {
  glob_t matches{};
  std::vector<fs::path> paths;
  if (::glob(pattern.c_str(), GLOB_TILDE, nullptr, &matches) == 0) {
    for (std::size_t i = 0; i < matches.gl_pathc; ++i) {
      paths.emplace_back(matches.gl_pathv[i]);
    }
  }
  ::globfree(&matches);
  return paths;
}

void add_pattern(const std::string& pattern, std::vector<fs::path>& files, Problems& problems) {
  std::error_code error;
  const std::vector<fs::path> paths = fs::exists(fs::symlink_status(pattern, error))
                                          ? std::vector<fs::path>{pattern}
                                          : expand_glob(pattern);
  const std::size_t before = files.size();
  const std::size_t problems_before = problems.lines.size();
  for (const fs::path& path : paths) {
    if (fs::is_directory(path, error)) {
      add_folder(path, files, problems);
    } else {
      add_file(path, files, problems);
    }
  }
  if (files.size() == before && problems.lines.size() == problems_before) {
    problems.add(pattern + (paths.empty()
                                ? ": no such file or folder, and no file matches it as a pattern"
                                : ": holds no file"));
  }
}

void find_duplicates(const std::vector<fs::path>& files, Problems& problems) {
  std::map<fs::path, fs::path> seen;
  for (const fs::path& file : files) {
    const auto [entry, is_new] = seen.emplace(fs::canonical(file), file);
    if (!is_new) {
      problems.add(file.string() + ": given twice (first as " + entry->second.string() + ")");
    }
  }
}

}  // namespace

std::vector<fs::path> expand_inputs(const std::vector<std::string>& patterns) {
  constexpr std::size_t kShown = 20;
  std::vector<fs::path> files;
  Problems problems;
  for (const std::string& pattern : patterns) {
    add_pattern(pattern, files, problems);
  }
  find_duplicates(files, problems);
  if (problems.lines.empty()) {
    return files;
  }
  std::string message = "looking for the input text: ";
  for (std::size_t i = 0; i < std::min(problems.lines.size(), kShown); ++i) {
    message += (i == 0 ? "" : "; ") + problems.lines[i];
  }
  if (problems.lines.size() > kShown) {
    message += "; and " + std::to_string(problems.lines.size() - kShown) + " more";
  }
  throw DataError(message + "; nothing was read or written, correct the list of inputs");
}

}  // namespace lambert
