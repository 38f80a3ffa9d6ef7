// SPDX-License-Identifier: Apache-2.0
#include <array>

#include <ATen/Parallel.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/full.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/randn.h>

#include "app/bench_command.h"
#include "app/bench_model.h"
#include "kernels/attention.h"
#include "kernels/matmul.h"
#include "model/model_parameter.h"
#include "ops/tensor_views.h"
#include "ops/token_rows.h"

namespace lambert {
namespace {

/// Milliseconds of one forward and one backward pass.
template <typename T>
CallTimes time_attention(const AttentionShape& shape, at::ScalarType type, double seconds) {
  const std::int64_t rows = shape.layout.rows;
  const at::Tensor query_key_value = at::randn({rows, 3 * shape.hidden_size()}).to(type);
  const at::Tensor above = at::randn({rows, shape.hidden_size()}).to(type);
  const at::Tensor output = at::empty_like(above);
  const at::Tensor input_gradient = at::empty_like(query_key_value);
  const at::Tensor log_sums = at::empty({rows, shape.heads});
  const at::Tensor samples = at::arange(shape.layout.samples, at::TensorOptions().dtype(at::kLong));
  const DropoutMask mask =
      make_dropout_mask(1, 0, 0, 1, 0.1, samples.const_data_ptr<std::int64_t>());
  return time_calls(seconds, [&] {
    attention_forward(shape, mask, data_of<T>(query_key_value), mutable_data_of<T>(output),
                      mutable_floats_of(log_sums));
    attention_backward(shape, mask, data_of<T>(query_key_value), floats_of(log_sums),
                       data_of<T>(above), mutable_data_of<T>(input_gradient));
  });
}

}  // namespace

BenchResult bench_attention(const BenchOptions& options) {
  const RunConfig config = bench_config(options);
  const ModelConfig& model = config.model;
  const TokenRows tokens = make_token_rows(
      at::full({options.batch}, options.max_seq_length, at::TensorOptions().dtype(at::kInt)),
      options.batch * options.max_seq_length);
  const AttentionShape shape{tokens.layout(), model.num_attention_heads,
                             model.hidden_size / model.num_attention_heads};
  const at::ScalarType type = compute_type(config.precision);
  CallTimes times;
  with_element_type(at::empty({0}, type), [&](auto element) {
    times = time_attention<decltype(element)>(shape, type, options.seconds);
  });
  const auto length = static_cast<double>(options.max_seq_length);
  // Two products forward, four backward; the scores are computed a second time there.
  const double operations =
      7.0 * 2.0 * static_cast<double>(options.batch * model.hidden_size) * length * length;
  return {{{"benchmark", "attention"}, {"dtype", options.dtype}},
          {{"batch", static_cast<double>(options.batch)},
           {"heads", static_cast<double>(shape.heads)},
           {"max_seq_length", length},
           {"head_size", static_cast<double>(shape.head_size)},
           {"threads", static_cast<double>(at::get_num_threads())},
           {"steps", static_cast<double>(times.calls)},
           {"milliseconds", 1e3 * times.median},
           {"milliseconds_fastest", 1e3 * times.smallest},
           {"milliseconds_slowest", 1e3 * times.largest},
           {"gflops", operations / times.median / 1e9}}};
}

BenchResult bench_matmul(const BenchOptions& options) {
  const RunConfig config = bench_config(options);
  const ModelConfig& model = config.model;
  const std::int64_t rows = options.batch * options.max_seq_length;
  const at::TensorOptions type(compute_type(config.precision));
  const ElementType element = element_type_of(at::empty({0}, type));
  BenchResult result{{{"benchmark", "matmul"}, {"model", options.model}, {"dtype", options.dtype}},
                     {{"rows", static_cast<double>(rows)},
                      {"threads", static_cast<double>(at::get_num_threads())}}};
  const std::vector<std::pair<std::string, std::array<std::int64_t, 2>>> layers = {
      {"attention", {model.hidden_size, model.hidden_size}},
      {"intermediate", {model.hidden_size, model.intermediate_size}},
      {"output", {model.intermediate_size, model.hidden_size}}};
  for (const auto& [name, sizes] : layers) {
    const auto [in, out] = sizes;
    const at::Tensor input = at::ones({rows, in}, type);
    const at::Tensor above = at::ones({rows, out}, type);
    const at::Tensor weight = at::ones({out, in}, type);
    const at::Tensor weight_gradient = at::empty({out, in}, at::kFloat);
    const Matrix inputs{input.const_data_ptr(), element, rows, in, in, 1};
    const Matrix gradients{above.const_data_ptr(), element, rows, out, out, 1};
    const Matrix weights{weight.const_data_ptr(), element, out, in, in, 1};
    const double operations =
        2.0 * static_cast<double>(rows) * static_cast<double>(in) * static_cast<double>(out);
    const auto rate = [&](const std::function<void()>& product) {
      return operations / time_calls(options.seconds / 9.0, product).median / 1e9;
    };
    result.figures.emplace_back(name + "_forward_gflops", rate([&] {
                                  matmul(inputs, weights.transposed(),
                                         {above.mutable_data_ptr(), element, rows, out, out, 1});
                                }));
    result.figures.emplace_back(
        name + "_input_gradient_gflops", rate([&] {
          matmul(gradients, weights, {input.mutable_data_ptr(), element, rows, in, in, 1});
        }));
    result.figures.emplace_back(
        name + "_weight_gradient_gflops", rate([&] {
          matmul(gradients.transposed(), inputs,
                 {weight_gradient.mutable_data_ptr(), ElementType::float32, out, in, in, 1});
        }));
  }
  return result;
}

}  // namespace lambert
