// SPDX-License-Identifier: Apache-2.0
#include "config/run_config_rules.h"

#include <cmath>
#include <cstdint>
#include <filesystem>
#include <initializer_list>

#include "config/enum_names.h"
#include "config/run_config_fields.h"
#include "config/value_text.h"

namespace lambert {
namespace {

class RuleChecker {
 public:
  RuleChecker(const std::string& file, const Origins& origins, Mistakes& mistakes)
      : file_(file), origins_(origins), mistakes_(mistakes) {}

  /// paths: the values of the rule; the mistake is reported at the first one.
  void require(bool holds, std::initializer_list<std::string> paths, const std::string& reason) {
    if (holds) {
      return;
    }
    for (const std::string& path : paths) {
      if (mistakes_.concerns(path)) {
        return;
      }
    }
    const std::string& path = *paths.begin();
    const auto origin = origins_.find(path);
    mistakes_.add(origin == origins_.end() ? file_ : origin->second, path, reason);
  }

 private:
  const std::string& file_;
  const Origins& origins_;
  Mistakes& mistakes_;
};

/// The divisor of total that is nearest to wanted.
std::int64_t nearest_divisor(std::int64_t total, std::int64_t wanted) {
  for (std::int64_t distance = 0; distance <= total; ++distance) {
    if (wanted - distance >= 1 && total % (wanted - distance) == 0) {
      return wanted - distance;
    }
    if (wanted + distance <= total && total % (wanted + distance) == 0) {
      return wanted + distance;
    }
  }
  return 1;
}

void check_model(RuleChecker& rules, const ModelConfig& model) {
  const std::int64_t heads = model.num_attention_heads;
  rules.require(model.hidden_size % heads == 0, {"model.num_attention_heads", "model.hidden_size"},
                value_text(heads) + " heads do not divide hidden_size " +
                    value_text(model.hidden_size) + "; the nearest number that does is " +
                    value_text(nearest_divisor(model.hidden_size, heads)));
}

void check_optimizer(RuleChecker& rules, const OptimizerConfig& optimizer) {
  rules.require(optimizer.trust_ratio_min <= optimizer.trust_ratio_max,
                {"optimizer.trust_ratio_min", "optimizer.trust_ratio_max"},
                value_text(optimizer.trust_ratio_min) + " is above trust_ratio_max " +
                    value_text(optimizer.trust_ratio_max) + "; use at most that");
  const OptimizerConfig defaults;
  const auto require_default = [&](bool is_default, bool applies, const std::string& key,
                                   const std::string& optimizers) {
    rules.require(is_default || applies, {"optimizer." + key, "optimizer.name"},
                  "has no effect with optimizer.name: " + enum_name(optimizer.name) +
                      "; leave it out, or choose " + optimizers);
  };
  const bool is_lars = optimizer.name == OptimizerName::lars;
  require_default(optimizer.lars_trust_ratio == defaults.lars_trust_ratio, is_lars,
                  "lars_trust_ratio", "lars");
  require_default(optimizer.lars_coefficient == defaults.lars_coefficient, is_lars,
                  "lars_coefficient", "lars");
  require_default(optimizer.weight_decay_placement == defaults.weight_decay_placement, !is_lars,
                  "weight_decay_placement", "lamb or adamw");
}

void check_phase(RuleChecker& rules, const RunConfig& config, const PhaseConfig& phase,
                 const std::string& path) {
  const std::int64_t positions = config.model.max_position_embeddings;
  rules.require(phase.max_seq_length <= positions,
                {path + ".max_seq_length", "model.max_position_embeddings"},
                value_text(phase.max_seq_length) + " is above model.max_position_embeddings " +
                    value_text(positions) + "; use at most " + value_text(positions) +
                    " or enlarge the table");
  rules.require(phase.max_predictions_per_seq < phase.max_seq_length,
                {path + ".max_predictions_per_seq", path + ".max_seq_length"},
                value_text(phase.max_predictions_per_seq) + " is not below max_seq_length " +
                    value_text(phase.max_seq_length) + "; usual is 15 % of it, " +
                    value_text(phase.max_seq_length * 15 / 100 + 1));
  const double warmup = phase.warmup_steps;
  const bool is_whole = warmup < 1 || std::trunc(warmup) == warmup;
  rules.require(is_whole, {path + ".warmup_steps"},
                value_text(warmup) + " is neither a whole number nor a share below 1; nearest is " +
                    bound_text(std::round(warmup)));
  rules.require(warmup <= static_cast<double>(phase.max_steps),
                {path + ".warmup_steps", path + ".max_steps"},
                bound_text(warmup) + " is above max_steps " + value_text(phase.max_steps) +
                    "; use at most " + value_text(phase.max_steps) + ", or a share below 1");
}

void check_decay_steps(RuleChecker& rules, const PhaseConfig& phase, const std::string& path) {
  rules.require(phase.lr_decay_steps == 0 || phase.lr_decay_steps >= phase.max_steps,
                {path + ".lr_decay_steps", path + ".max_steps"},
                value_text(phase.lr_decay_steps) + " is below max_steps " +
                    value_text(phase.max_steps) +
                    ": the last steps would train at a rate of zero; " +
                    "use at least that, or 0 for max_steps");
}

void check_phase_names(RuleChecker& rules, const std::vector<PhaseConfig>& phases) {
  for (std::size_t later = 1; later < phases.size(); ++later) {
    for (std::size_t earlier = 0; earlier < later; ++earlier) {
      const std::string path = "phases[" + std::to_string(later) + "].name";
      rules.require(phases[later].name != phases[earlier].name, {path},
                    "'" + phases[later].name + "' is also the name of phases[" +
                        std::to_string(earlier) + "]; give each phase its own, like '" +
                        phases[later].name + "-" + std::to_string(later + 1) + "'");
    }
  }
}

void check_reduction(RuleChecker& rules, const CommConfig& communication,
                     std::int64_t threads_per_rank) {
  if (communication.reduction == Reduction::standard) {
    return;
  }
  rules.require(
      threads_per_rank > 0, {"threads_per_rank", "communication.reduction"},
      "0 = as many as the machine has, which communication.reduction: reproducible cannot "
      "repeat elsewhere; give a number, like 1");
  rules.require(
      communication.all_reduce_dtype == WireType::float32,
      {"communication.all_reduce_dtype", "communication.reduction"},
      "bfloat16 rounds at every hop of the ring, so communication.reduction: reproducible "
      "needs float32");
}

void check_error_feedback(RuleChecker& rules, const CommConfig& communication) {
  rules.require(
      !communication.error_feedback || communication.all_reduce_dtype == WireType::bfloat16,
      {"communication.error_feedback", "communication.all_reduce_dtype"},
      "float32 on the wire rounds nothing that could be fed back; set "
      "communication.all_reduce_dtype: bfloat16, or error_feedback: false");
}

void check_backend(RuleChecker& rules, const CommConfig& communication) {
  const bool is_nccl = communication.backend == Backend::nccl;
  rules.require(!is_nccl || communication.hierarchical != AutoFlag::on,
                {"communication.hierarchical", "communication.backend"},
                "NCCL chooses between flat and hierarchical sums itself; set "
                "communication.hierarchical: auto, or backend: mpi");
  rules.require(!is_nccl || !communication.error_feedback,
                {"communication.error_feedback", "communication.backend"},
                "NCCL does not tell what its bf16 sums round away, so nothing can be fed back; set "
                "error_feedback: false, or backend: mpi");
}

/// Loss scaling is for fp16, and TF32 for fp32; what cannot work together with fp16.
void check_precision(RuleChecker& rules, const RunConfig& config) {
  const bool is_fp16 = config.precision == Precision::fp16;
  const std::string other = "has no effect with precision: " + enum_name(config.precision);
  const LossScaleConfig& given = config.loss_scale;
  const LossScaleConfig defaults;
  const auto require_default = [&](bool is_default, const std::string& key) {
    rules.require(is_default || is_fp16, {"loss_scale." + key, "precision"},
                  other + "; leave it out, or choose fp16");
  };
  require_default(given.init_scale == defaults.init_scale, "init_scale");
  require_default(given.growth_interval == defaults.growth_interval, "growth_interval");
  require_default(given.growth_factor == defaults.growth_factor, "growth_factor");
  require_default(given.backoff_factor == defaults.backoff_factor, "backoff_factor");
  require_default(given.min_loss_scale == defaults.min_loss_scale, "min_loss_scale");
  require_default(given.max_overflow_retries == defaults.max_overflow_retries,
                  "max_overflow_retries");
  rules.require(given.init_scale >= given.min_loss_scale,
                {"loss_scale.init_scale", "loss_scale.min_loss_scale"},
                value_text(given.init_scale) + " is below min_loss_scale " +
                    value_text(given.min_loss_scale) + "; use at least that");
  rules.require(config.float32_matmul_precision == Float32MatmulPrecision::highest ||
                    config.precision == Precision::fp32,
                {"float32_matmul_precision", "precision"},
                other + "; leave it out, or choose fp32");
  rules.require(
      config.attention_kernel != AttentionKernelName::flash || config.precision != Precision::fp32,
      {"attention_kernel", "precision"},
      "flash computes in bf16 and fp16; use auto, or choose bf16 or fp16");
  rules.require(config.cuda_graphs != AutoFlag::on || config.device != DeviceKind::cpu,
                {"cuda_graphs", "device"},
                "device: cpu has none; use auto, or choose device: cuda");
  rules.require(!is_fp16 || config.non_finite_gradients == NonFiniteGradients::stop,
                {"non_finite_gradients", "precision"},
                "precision: fp16 repeats a step whose gradient is not finite with a smaller loss "
                "scale and skips none; leave it out");
  rules.require(!is_fp16 || !config.communication.error_feedback,
                {"communication.error_feedback", "precision"},
                "what rounding on the wire takes away is in units of the loss scale, which "
                "precision: fp16 changes, so nothing can be fed back; leave it out");
  rules.require(
      !is_fp16 || !has_gauge(config), {"evaluation.squad.train", "precision"},
      "fine-tuning has no loss scaling, which precision: fp16 needs; leave the gauge out, "
      "or choose bf16 or fp32");
}

bool is_same_folder(const std::string& left, const std::string& right) {
  const auto normal = [](const std::string& path) {
    return (std::filesystem::path(path) / "").lexically_normal();
  };
  return !left.empty() && normal(left) == normal(right);
}

void check_folders(RuleChecker& rules, const RunConfig& config) {
  const auto require_other = [&](const std::string& data, const std::string& path) {
    rules.require(!is_same_folder(data, config.output_dir), {"output_dir", path},
                  "'" + config.output_dir + "' is also " + path +
                      "; write to another folder, like '" + config.output_dir + "-run'");
  };
  for (std::size_t index = 0; index < config.phases.size(); ++index) {
    require_other(config.phases[index].data, "phases[" + std::to_string(index) + "].data");
  }
  require_other(config.evaluation.data, "evaluation.data");
}

void check_total_steps(RuleChecker& rules, const std::vector<PhaseConfig>& phases) {
  double total = 0;
  for (const PhaseConfig& phase : phases) {
    total += static_cast<double>(phase.max_steps);
  }
  rules.require(total <= kMaxSteps, {"phases"},
                "all phases together have " + bound_text(total) + " steps; the limit is " +
                    bound_text(kMaxSteps));
}

void check_reports(RuleChecker& rules, const std::vector<std::string>& reports) {
  for (const std::string& report : reports) {
    rules.require(report == "tensorboard", {"logging.report_to"},
                  "found '" + report + "'; expected [tensorboard] or []" +
                      suggest_nearest_name(report, {"tensorboard"}));
  }
}

void check_squad_gauge(RuleChecker& rules, const RunConfig& config) {
  const SquadGaugeConfig& gauge = config.evaluation.squad;
  const std::string path = "evaluation.squad.";
  if (gauge.train.empty() && gauge.dev.empty()) {
    return;
  }
  const auto require_file = [&](const std::string& key, const std::string& value,
                                const std::string& other) {
    rules.require(
        !value.empty(), {path + key, path + other},
        "is empty, but " + path + other + " is given; name a SQuAD v1.1 file, or empty both");
  };
  require_file("train", gauge.train, "dev");
  require_file("dev", gauge.dev, "train");
  rules.require(gauge.every_steps > 0, {path + "every_steps"},
                "found 0; expected at least 1: how many steps between measurements");
  const std::int64_t positions = config.model.max_position_embeddings;
  rules.require(gauge.max_seq_length <= positions,
                {path + "max_seq_length", "model.max_position_embeddings"},
                value_text(gauge.max_seq_length) + " is above model.max_position_embeddings " +
                    value_text(positions) + "; use at most that");
}

}  // namespace

void check_rules_between_fields(const RunConfig& config, const std::string& file,
                                const Origins& origins, Mistakes& mistakes) {
  RuleChecker rules(file, origins, mistakes);
  check_model(rules, config.model);
  for (std::size_t index = 0; index < config.phases.size(); ++index) {
    const std::string path = "phases[" + std::to_string(index) + "]";
    check_phase(rules, config, config.phases[index], path);
    check_decay_steps(rules, config.phases[index], path);
  }
  check_phase_names(rules, config.phases);
  check_total_steps(rules, config.phases);
  check_folders(rules, config);
  check_squad_gauge(rules, config);
  check_precision(rules, config);
  check_shared_sections(config.optimizer, config.communication, config.logging,
                        config.threads_per_rank, file, origins, mistakes);
}

void check_shared_sections(const OptimizerConfig& optimizer, const CommConfig& communication,
                           const LoggingConfig& logging, std::int64_t threads_per_rank,
                           const std::string& file, const Origins& origins, Mistakes& mistakes) {
  RuleChecker rules(file, origins, mistakes);
  check_optimizer(rules, optimizer);
  check_reduction(rules, communication, threads_per_rank);
  check_error_feedback(rules, communication);
  check_backend(rules, communication);
  check_reports(rules, logging.report_to);
}

}  // namespace lambert
