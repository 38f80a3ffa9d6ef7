// SPDX-License-Identifier: Apache-2.0
#include "config/load_squad_config.h"

#include <cmath>
#include <set>

#include "config/read_config.h"
#include "config/run_config_rules.h"
#include "config/squad_config_fields.h"
#include "config/value_text.h"

namespace lambert {
namespace {

void check_rules(const SquadConfig& config, const std::string& file, const Origins& origins,
                 Mistakes& mistakes) {
  const auto require = [&](bool holds, const char* key, const std::string& reason) {
    if (!holds && !mistakes.concerns(key)) {
      const auto origin = origins.find(key);
      mistakes.add(origin == origins.end() ? file : origin->second, key, reason);
    }
  };
  for (const auto& [key, value] :
       {std::pair{"output_dir", &config.output_dir}, std::pair{"init_from", &config.init_from},
        std::pair{"train", &config.train}}) {
    require(!value->empty(), key, "is empty; expected a path");
  }
  require(!config.seeds.empty(), "seeds", "is empty; expected at least one");
  require(std::set(config.seeds.begin(), config.seeds.end()).size() == config.seeds.size(), "seeds",
          "holds a number twice; every seed is a run of its own");
  require(config.max_query_length <= config.max_seq_length - 8, "max_query_length",
          "leaves less than 5 tokens of " + value_text(config.max_seq_length) +
              " (max_seq_length) for the paragraph; use at most " +
              value_text(config.max_seq_length - 8));
  require(config.warmup_steps < 1 || std::trunc(config.warmup_steps) == config.warmup_steps,
          "warmup_steps",
          value_text(config.warmup_steps) +
              " is neither a whole number nor a share below 1; use one of them");
  require(config.precision != Precision::fp16, "precision",
          "fp16 needs loss scaling, which is for `lambert train`; use fp32 or bf16");
  require(config.float32_matmul_precision == Float32MatmulPrecision::highest ||
              config.precision == Precision::fp32,
          "float32_matmul_precision",
          "has no effect with precision: bf16; leave it out, or choose fp32");
  require(
      config.attention_kernel != AttentionKernelName::flash || config.precision != Precision::fp32,
      "attention_kernel", "flash computes in bf16; use auto, or choose precision: bf16");
  require(!config.logging.log_sample_hashes, "logging.log_sample_hashes",
          "has no effect in fine-tuning; leave it out");
  require(!config.logging.log_lamb_table, "logging.log_lamb_table",
          "has no effect in fine-tuning; leave it out");
  require(!config.communication.sharded_optimizer, "communication.sharded_optimizer",
          "is for `lambert train`; leave it out");
  require(!config.communication.error_feedback, "communication.error_feedback",
          "is for `lambert train`; leave it out");
  check_shared_sections(config.optimizer, config.communication, config.logging,
                        config.threads_per_rank, file, origins, mistakes);
}

}  // namespace

SquadConfig load_squad_config(const std::filesystem::path& path,
                              const std::vector<std::string>& overrides) {
  return read_config<SquadConfig>(path, overrides, "output_dir, init_from and train", check_rules);
}

}  // namespace lambert
