// SPDX-License-Identifier: Apache-2.0
// The YAML spelling of every enum value, written once.
#pragma once

#include <array>
#include <optional>
#include <string>
#include <utility>

#include "config/run_config.h"
#include "config/squad_config.h"

namespace lambert {

template <class Enum, std::size_t count>
using EnumNames = std::array<std::pair<Enum, const char*>, count>;

constexpr EnumNames<Activation, 2> enum_names(Activation /*tag*/) {
  return {{{Activation::gelu, "gelu"}, {Activation::gelu_new, "gelu_new"}}};
}
constexpr EnumNames<Precision, 3> enum_names(Precision /*tag*/) {
  return {{{Precision::fp32, "fp32"}, {Precision::bf16, "bf16"}, {Precision::fp16, "fp16"}}};
}
constexpr EnumNames<Float32MatmulPrecision, 2> enum_names(Float32MatmulPrecision /*tag*/) {
  return {{{Float32MatmulPrecision::highest, "highest"}, {Float32MatmulPrecision::high, "high"}}};
}
constexpr EnumNames<AttentionKernelName, 3> enum_names(AttentionKernelName /*tag*/) {
  return {{{AttentionKernelName::automatic, "auto"},
           {AttentionKernelName::tiled, "tiled"},
           {AttentionKernelName::flash, "flash"}}};
}
constexpr EnumNames<OptimizerName, 3> enum_names(OptimizerName /*tag*/) {
  return {{{OptimizerName::lamb, "lamb"},
           {OptimizerName::adamw, "adamw"},
           {OptimizerName::lars, "lars"}}};
}
constexpr EnumNames<WeightDecayPlacement, 2> enum_names(WeightDecayPlacement /*tag*/) {
  return {{{WeightDecayPlacement::update, "update"}, {WeightDecayPlacement::gradient, "gradient"}}};
}
constexpr EnumNames<LarsTrustRatio, 2> enum_names(LarsTrustRatio /*tag*/) {
  return {{{LarsTrustRatio::momentum, "momentum"}, {LarsTrustRatio::gradient, "gradient"}}};
}
constexpr EnumNames<BiasCorrectionPlacement, 2> enum_names(BiasCorrectionPlacement /*tag*/) {
  return {{{BiasCorrectionPlacement::moments, "moments"},
           {BiasCorrectionPlacement::step_size, "step_size"}}};
}
constexpr EnumNames<LrDecayOrigin, 2> enum_names(LrDecayOrigin /*tag*/) {
  return {{{LrDecayOrigin::phase_start, "phase_start"}, {LrDecayOrigin::warmup_end, "warmup_end"}}};
}
constexpr EnumNames<MomentsAtPhaseStart, 2> enum_names(MomentsAtPhaseStart /*tag*/) {
  return {{{MomentsAtPhaseStart::keep, "keep"}, {MomentsAtPhaseStart::reset, "reset"}}};
}
constexpr EnumNames<NonFiniteGradients, 2> enum_names(NonFiniteGradients /*tag*/) {
  return {{{NonFiniteGradients::stop, "stop"}, {NonFiniteGradients::skip, "skip"}}};
}
constexpr EnumNames<Backend, 4> enum_names(Backend /*tag*/) {
  return {{{Backend::automatic, "auto"},
           {Backend::single, "single"},
           {Backend::mpi, "mpi"},
           {Backend::nccl, "nccl"}}};
}
constexpr EnumNames<DeviceKind, 3> enum_names(DeviceKind /*tag*/) {
  return {{{DeviceKind::automatic, "auto"}, {DeviceKind::cpu, "cpu"}, {DeviceKind::cuda, "cuda"}}};
}

constexpr EnumNames<AutoFlag, 3> enum_names(AutoFlag /*tag*/) {
  return {{{AutoFlag::automatic, "auto"}, {AutoFlag::on, "true"}, {AutoFlag::off, "false"}}};
}
constexpr EnumNames<WireType, 2> enum_names(WireType /*tag*/) {
  return {{{WireType::float32, "float32"}, {WireType::bfloat16, "bfloat16"}}};
}
constexpr EnumNames<Reduction, 2> enum_names(Reduction /*tag*/) {
  return {{{Reduction::standard, "standard"}, {Reduction::reproducible, "reproducible"}}};
}
constexpr EnumNames<LossNormalization, 2> enum_names(LossNormalization /*tag*/) {
  return {{{LossNormalization::global, "global"},
           {LossNormalization::per_micro_batch, "per_micro_batch"}}};
}

constexpr EnumNames<SquadVersion, 2> enum_names(SquadVersion /*tag*/) {
  return {{{SquadVersion::v1_1, "1.1"}, {SquadVersion::v2_0, "2.0"}}};
}

template <class Enum>
concept NamedEnum = requires(Enum value) { enum_names(value); };

template <NamedEnum Enum>
std::string enum_name(Enum value) {
  for (const auto& [candidate, name] : enum_names(value)) {
    if (candidate == value) {
      return name;
    }
  }
  return "?";
}

template <NamedEnum Enum>
std::optional<Enum> find_enum_value(const std::string& wanted) {
  for (const auto& [value, name] : enum_names(Enum{})) {
    if (wanted == name) {
      return value;
    }
  }
  return std::nullopt;
}

/// "gelu, gelu_new".
template <NamedEnum Enum>
std::string list_enum_names() {
  std::string names;
  for (const auto& [value, name] : enum_names(Enum{})) {
    names += (names.empty() ? "" : ", ") + std::string(name);
  }
  return names;
}

}  // namespace lambert
