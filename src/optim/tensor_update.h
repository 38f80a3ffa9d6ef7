// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace lambert {

/// What the last step did to one tensor.
struct TensorUpdate {
  double weight_norm = 0.0;  // |w| before the step
  double update_norm = 0.0;  // denominator of the ratio: |u| of LAMB
  double trust_ratio = 1.0;
  bool is_adapted = false;  // false: the ratio is 1 by treatment or because a norm is zero
  bool is_clamped = false;  // by trust_ratio_min, trust_ratio_max or weight_norm_max
};

}  // namespace lambert
