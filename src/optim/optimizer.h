// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "config/run_config.h"
#include "gradients/reduced_gradients.h"
#include "kernels/tensor_update.h"
#include "optim/gradient_norm.h"

namespace lambert {

/// What the optimizer keeps for one parameter, for checkpoints. fp32, shape of the parameter or,
/// sharded, (own elements).
struct OptimizerMoments {
  std::string name;
  at::Tensor first;   // m
  at::Tensor second;  // v; undefined for LARS, which has none
};

/// How one tensor is treated; logged at the start.
struct ParameterTreatment {
  std::string name;
  bool decayed = false;
  bool adapted = false;
};

class Optimizer {
 public:
  virtual ~Optimizer() = default;
  /// Of all gradients together. Waits for the device, if there is one.
  virtual GradientNorm measure_norm(const ReducedGradients& gradients) = 0;
  /// One update of every parameter: master weights, then compute weights. gradients: mean over the
  /// global batch, times the loss scale if there is one; clip_scale: in (0, 1], divided by it.
  /// Sharded: all ranks together; throws CommError.
  virtual void step(const ReducedGradients& gradients, double clip_scale, double learning_rate) = 0;
  /// Moments and the bias-correction counter back to zero.
  virtual void reset_moments() = 0;
  virtual std::vector<OptimizerMoments>& moments() = 0;  // in parameter order
  virtual std::int64_t step_count() const = 0;           // t of the bias correction
  virtual void set_step_count(std::int64_t count) = 0;
  virtual const std::vector<ParameterTreatment>& treatments() const = 0;
  /// In parameter order, for logs. Waits for the device, if there is one.
  virtual std::vector<TensorUpdate> last_updates() const = 0;
};

/// LAMB (You et al. 2020, algorithm 2 with the variants of OptimizerConfig), AdamW or LARS, by
/// config.name. sharded: null, or of the same parameters. Throws ConfigError when a
/// weight_decay_exclude entry matches no parameter.
std::unique_ptr<Optimizer> make_optimizer(const OptimizerConfig& config,
                                          const std::vector<NamedParameter>& parameters,
                                          ShardedParameters* sharded = nullptr);

}  // namespace lambert
