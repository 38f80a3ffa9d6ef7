// SPDX-License-Identifier: Apache-2.0
#include "cluster/constants.h"

#include <algorithm>

#include "base/error.h"
#include "config/nearest_name.h"

namespace lambert {
namespace {

constexpr double kTera = 1e12;
constexpr double kGiga = 1e9;

constexpr const char* kNvidiaBert = "NVIDIA DeepLearningExamples, PyTorch/LanguageModeling/BERT";

// NVIDIA's PyTorch program of 2019 and 2020 (Apex AMP). Of the 77 + 16 x scores: 33 vectors are the
// floor of a fused layer (next to "lambert"); separate dropout, residual addition and LayerNorm
// with byte masks take 22 more, GELU on its own 20, LayerNorm in fp32 12, bias gradients 9,
// splitting and permuting query, key and value 12. Scores, softmax, dropout and mask of attention
// are 16 passes.
Software nvidia_eager(const std::string& name, const std::string& description,
                      std::vector<MatmulShare> shares) {
  Software software;
  software.name = name;
  software.description = description;
  software.source = kNvidiaBert;
  software.vectors_per_layer = 33 + 22 + 20 + 12 + 9 + 12;
  software.score_passes = 16;
  software.logit_passes = 6;
  // fp16 copy of the weights 4 + 2; fp16 gradient read and added to an fp32 one 2 + 4 + 4.
  software.micro_batch_bytes = 16;
  // Apex FusedLAMB: norm 4; stage 1 reads 16, writes 12; norms 8; stage 2 reads 8, writes 4 + 2.
  software.optimizer_bytes = 54;
  software.heads_on_every_token = true;
  software.attention_share = 0.5;
  software.wire_bytes = 2;      // allreduce_post_accumulation_fp16
  software.input_share = 0.04;  // DeepSpeed's post: input was 4 % of the time before they hid it
  software.step_overhead_seconds = 1e-3;
  software.matmul_shares = std::move(shares);
  return software;
}

Software nvidia_2021() {
  Software software = nvidia_eager(
      "nvidia-2021", "NVIDIA's PyTorch program of 2021 (21.11: fused GELU, head on masked tokens)",
      {{"v100-32g", 0.644, "224 sequences/s of 128 tokens on one GPU"},
       {"a100-80g", 0.618, "580 sequences/s of 128 tokens on one GPU"}});
  software.vectors_per_layer = 33 + 22 + 12 + 9;
  software.heads_on_every_token = false;
  software.input_share = 0.0;
  return software;
}

Software nvidia_paddle_2022() {
  Software software = nvidia_2021();
  software.name = "nvidia-paddle-2022";
  software.description =
      "NVIDIA's PaddlePaddle program of 2022 (22.12: fused attention, epilogues)";
  software.source = "NVIDIA DeepLearningExamples, PaddlePaddle/LanguageModeling/BERT";
  software.vectors_per_layer = 33 + 22;
  software.score_passes = 0;
  software.matmul_shares = {{"a100-80g", 0.663, "694 sequences/s of 128 tokens on one GPU"}};
  return software;
}

Software nvidia_tensorflow_2021() {
  Software software = nvidia_2021();
  software.name = "nvidia-tensorflow-2021";
  software.description = "NVIDIA's TensorFlow 2 program of 2021 (21.02, XLA)";
  software.source = "NVIDIA DeepLearningExamples, TensorFlow2/LanguageModeling/BERT";
  software.vectors_per_layer = 33 + 22 + 20 + 12 + 9 + 12;
  software.matmul_shares = {{"v100-32g", 0.629, "206.5 sequences/s of 128 tokens on one GPU"},
                            {"a100-80g", 0.526, "486 sequences/s of 128 tokens on one GPU"}};
  return software;
}

Software deepspeed_2020() {
  Software software = nvidia_2021();
  software.name = "deepspeed-2020";
  software.description = "DeepSpeed's fused transformer kernels, stochastic mode";
  software.source = "microsoft/DeepSpeed, docs/_posts/2020-05-28-fastest-bert-training.md";
  software.vectors_per_layer = 33 + 9;
  software.score_passes = 8;  // softmax and dropout are fused, scores still go to memory
  software.matmul_shares = {{"v100-32g", 0.732, "272 sequences/s of 128 tokens on one GPU"}};
  return software;
}

Software google_2019() {
  Software software;
  software.name = "google-2019";
  software.description = "the LAMB paper's TensorFlow program under XLA";
  software.source = "You et al., arXiv 1904.00962";
  software.vectors_per_layer = 60;  // XLA's fusion is not published: between fused and eager
  software.score_passes = 8;
  software.logit_passes = 6;
  software.optimizer_bytes = 54;
  software.attention_share = 0.5;
  software.wire_bytes = 4;
  software.step_overhead_seconds = 1e-3;
  software.matmul_shares = {
      {"tpuv3", 0.4885, "82.8 h for 1,000,000 steps of 512 on 16 chips, the smallest run"}};
  return software;
}

/// The design of this program's CUDA path. Nothing in it has been measured on a GPU.
Software lambert() {
  Software software;
  software.name = "lambert";
  software.description = "this program's design; a prediction, not measured on any GPU";
  software.source = "docs/results/scaling.md";
  // Per token and layer, bf16, hidden 1024 (2 KB a vector): attention 8 KB forward and 18 to 26
  // backward, dropout + residual + LayerNorm 16 forward and 16 backward: 66 KB.
  software.vectors_per_layer = 33;
  software.logit_passes = 6;
  software.micro_batch_bytes = 8;  // the fp32 gradient is read and written inside the product
  software.optimizer_bytes = 46;   // Apex's 54 with the norms folded into the first pass
  software.attention_share = 0.5;
  software.overlaps_reduction = true;
  software.step_overhead_seconds = 3e-4;
  software.matmul_shares = {
      {"", 0.68, "85 % of the 80 % of the peak that single large products reach on an H200"}};
  return software;
}

std::vector<Machine> make_machines() {
  const auto volta = [](const char* name, double memory, double peak, const char* source) {
    return Machine{name,        peak * kTera, 15.7 * kTera, 900 * kGiga, memory * kGiga,
                   150 * kGiga, 50,           false,        source};
  };
  return {
      volta("v100", 16, 125, "Tesla V100 SXM2 datasheet; DGX-1: 4 x 100 Gbit/s for 8"),
      volta("v100-32g", 32, 125, "Tesla V100 SXM2/SXM3 datasheet; DGX-2: 8 x 100 Gbit/s for 16"),
      volta("v100-dgx2h", 32, 131, "DGX-2H: 2.1 PFLOP/s for 16 GPUs of 450 W, else as v100-32g"),
      {"a100", 312 * kTera, 19.5 * kTera, 1555 * kGiga, 40 * kGiga, 300 * kGiga, 200, true,
       "A100 SXM4 40 GB datasheet; DGX A100: 8 x 200 Gbit/s for 8"},
      {"a100-80g", 312 * kTera, 19.5 * kTera, 2039 * kGiga, 80 * kGiga, 300 * kGiga, 200, true,
       "A100 SXM4 80 GB datasheet; DGX A100: 8 x 200 Gbit/s for 8"},
      {"h100", 989 * kTera, 67 * kTera, 3350 * kGiga, 80 * kGiga, 450 * kGiga, 400, true,
       "H100 SXM5 datasheet; DGX H100: 8 x 400 Gbit/s for 8"},
      {"h200", 989 * kTera, 67 * kTera, 4800 * kGiga, 141 * kGiga, 450 * kGiga, 400, true,
       "H200 SXM datasheet; DGX H200: 8 x 400 Gbit/s for 8"},
      {"b200", 2250 * kTera, 80 * kTera, 8000 * kGiga, 180 * kGiga, 900 * kGiga, 400, true,
       "HGX B200 datasheet; DGX B200: 8 x 400 Gbit/s for 8"},
      // 340 TB/s of all-reduce bandwidth for 1,024 chips, both directions: 166 GB/s one way.
      {"tpuv3", 123 * kTera, 0.0, 900 * kGiga, 32 * kGiga, 166 * kGiga, 50, true,
       "cloud.google.com/tpu/docs/v3; the torus of a pod counts as one node"},
  };
}

template <typename Entry>
const Entry& find_entry(const std::vector<Entry>& entries, const std::string& name,
                        const std::string& option) {
  std::vector<std::string> names;
  std::string list;
  for (const Entry& entry : entries) {
    if (entry.name == name) {
      return entry;
    }
    names.push_back(entry.name);
    list += (list.empty() ? "" : ", ") + entry.name;
  }
  throw ConfigError("planning a cluster: " + option + " is '" + name + "'" +
                    suggest_nearest_name(name, names) + "; there are " + list);
}

}  // namespace

const std::vector<Machine>& machines() {
  static const std::vector<Machine> all = make_machines();
  return all;
}

const std::vector<Software>& softwares() {
  static const std::vector<Software> all = {
      lambert(),
      nvidia_eager("nvidia-2019", "NVIDIA's PyTorch program of 2019 (19.07)",
                   {{"v100", 0.611, "as v100-32g"},
                    {"v100-32g", 0.611, "181.76 sequences/s of 128 tokens on one GPU of a DGX-2"},
                    {"v100-dgx2h", 0.611, "as v100-32g"}}),
      nvidia_eager("nvidia-2020", "NVIDIA's PyTorch program of 2020 (20.06)",
                   {{"v100-32g", 0.841, "173 sequences/s of 128 tokens on one GPU of a DGX-2"},
                    {"v100-dgx2h", 0.841, "as v100-32g"},
                    {"a100", 0.626, "415 sequences/s of 128 tokens on one GPU"}}),
      nvidia_2021(),
      nvidia_paddle_2022(),
      nvidia_tensorflow_2021(),
      deepspeed_2020(),
      google_2019()};
  return all;
}

const SharedConstants& shared_constants() {
  static const SharedConstants constants = {
      // 3 % lost under 32 K tokens and 7 % under 16 K: an estimate. Of NVIDIA's V100 figures, 125
      // sequences/s in micro-batches of 2,048 tokens and 172 of 8,192 give 1,140.
      .half_rate_tokens = 1100,
      .memory_share = 0.85,   // assumed; streaming kernels reach 0.8 to 0.9
      .link_share = 0.82,     // NCCL on 8 x H100: 365 to 370 of 450 GB/s
      .network_share = 0.94,  // NCCL: 46 to 48 GB/s of a 400 Gbit/s adapter
      // NCCL src/graph/tuning.cc: NVLink, ring, Simple; network, tree, Simple.
      .link_hop_seconds = 3.4e-6,
      .network_hop_seconds = 14e-6,
      .reserved_memory_bytes = 2e9,  // assumed, as the next
      .usable_memory_share = 0.95};
  return constants;
}

const Machine& find_machine(const std::string& name) {
  return find_entry(machines(), name, "--gpu");
}

const Software& find_software(const std::string& name) {
  return find_entry(softwares(), name, "--software");
}

const MatmulShare& matmul_share_of(const Software& software, const Machine& machine) {
  const auto known = std::find_if(software.matmul_shares.begin(), software.matmul_shares.end(),
                                  [&](const MatmulShare& share) {
                                    return share.machine.empty() || share.machine == machine.name;
                                  });
  if (known != software.matmul_shares.end()) {
    return *known;
  }
  std::string list;
  for (const MatmulShare& share : software.matmul_shares) {
    list += (list.empty() ? "" : ", ") + share.machine;
  }
  throw ConfigError("planning a cluster: there is no published figure of " + software.name +
                    " on --gpu " + machine.name + "; it has " + list);
}

double peak_of(const Machine& machine, Precision precision) {
  const double peak = precision == Precision::fp32 ? machine.single_peak : machine.half_peak;
  if (peak == 0.0) {
    throw ConfigError("planning a cluster: the rate of --gpu " + machine.name +
                      " in precision fp32 is not published; use precision=bf16");
  }
  return peak;
}

}  // namespace lambert
