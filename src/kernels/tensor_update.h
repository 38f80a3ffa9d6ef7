// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>

namespace lambert {

/// What the last step did to one tensor.
struct TensorUpdate {
  double weight_norm = 0.0;  // |w| before the step
  double update_norm = 0.0;  // denominator of the ratio: |u| of LAMB
  double trust_ratio = 1.0;
  bool is_adapted = false;  // false: the ratio is 1 by treatment or because a norm is zero
  bool is_clamped = false;  // by trust_ratio_min, trust_ratio_max or weight_norm_max
};

/// The bounds of a trust ratio.
struct TrustRatioLimits {
  double ratio_min = 0.0;
  double ratio_max = 10.0;
  double weight_norm_max = 10.0;
};

/// The ratio min(weight_norm, weight_norm_max) / update_norm, clamped; 1 when a norm is zero or the
/// tensor is not adapted.
constexpr TensorUpdate tensor_update(const TrustRatioLimits& limits, bool adapted,
                                     double weight_norm, double update_norm) {
  TensorUpdate update{weight_norm, update_norm};
  if (!adapted || weight_norm == 0.0 || update_norm == 0.0) {
    return update;
  }
  update.is_adapted = true;
  const double ratio = std::min(weight_norm, limits.weight_norm_max) / update_norm;
  update.trust_ratio = std::clamp(ratio, limits.ratio_min, limits.ratio_max);
  update.is_clamped = update.trust_ratio != ratio || weight_norm > limits.weight_norm_max;
  return update;
}

}  // namespace lambert
