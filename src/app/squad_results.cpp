// SPDX-License-Identifier: Apache-2.0
#include "app/squad_results.h"

#include <algorithm>
#include <cmath>
#include <iomanip>
#include <iostream>
#include <string>

#include <nlohmann/json.hpp>

namespace lambert {
namespace {

/// Sample deviation; 0 for one seed.
struct Summary {
  double mean = 0.0;
  double deviation = 0.0;
  double best = 0.0;
};

Summary summarise(const std::vector<SeedResult>& seeds, double MeanScore::*figure) {
  Summary summary;
  const auto count = static_cast<double>(seeds.size());
  for (const SeedResult& seed : seeds) {
    summary.mean += seed.score.*figure / count;
    summary.best = std::max(summary.best, seed.score.*figure);
  }
  double squares = 0.0;
  for (const SeedResult& seed : seeds) {
    squares += std::pow(seed.score.*figure - summary.mean, 2);
  }
  if (seeds.size() > 1) {
    summary.deviation = std::sqrt(squares / (count - 1.0));
  }
  return summary;
}

void print_row(const std::string& name, double exact_match, double f1) {
  std::cout << std::setw(12) << name << std::setw(14) << exact_match << f1 << "\n";
}

}  // namespace

void report_squad_results(const SquadResults& results, const std::filesystem::path& folder,
                          FileSystem& file_system) {
  nlohmann::ordered_json json = {{"train_questions", results.train_questions},
                                 {"dev_questions", results.dev_questions}};
  std::cout << std::fixed << std::setprecision(2) << std::left << std::setw(12) << "seed"
            << std::setw(14) << "exact_match"
            << "f1\n";
  for (const SeedResult& seed : results.seeds) {
    const std::string name = std::to_string(seed.seed);
    json["seeds"][name] = {{"exact_match", seed.score.exact_match}, {"f1", seed.score.f1}};
    print_row(name, seed.score.exact_match, seed.score.f1);
  }
  const Summary exact_match = summarise(results.seeds, &MeanScore::exact_match);
  const Summary f1 = summarise(results.seeds, &MeanScore::f1);
  for (const auto& [name, figure] :
       {std::pair{"mean", &Summary::mean}, std::pair{"deviation", &Summary::deviation},
        std::pair{"best", &Summary::best}}) {
    json[name] = {{"exact_match", exact_match.*figure}, {"f1", f1.*figure}};
    print_row(name, exact_match.*figure, f1.*figure);
  }
  std::cout << "trained on " << results.train_questions << " questions, scored on "
            << results.dev_questions
            << "; answers: " << (folder / "seed-*/predictions.json").string() << std::endl;
  file_system.write_file_atomically(folder / "results.json", json.dump(2) + "\n");
}

}  // namespace lambert
