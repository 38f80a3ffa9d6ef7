// SPDX-License-Identifier: Apache-2.0
#include <ATen/Parallel.h>
#include <ATen/core/Tensor.h>

#include "app/bench_command.h"
#include "app/bench_model.h"
#include "app/compute_device.h"
#include "comm/communicator.h"
#include "gradients/gradient_reducer.h"
#include "model/bert_for_pretraining.h"
#include "ops/device.h"
#include "optim/optimizer.h"
#include "train/machine_rates.h"
#include "train/named_parameters.h"

namespace lambert {

BenchResult bench_lamb(const BenchOptions& options) {
  RunConfig config = bench_config(options);
  const at::Device device = choose_compute_device(options.device);
  BertForPreTraining model(config.model, config.precision, 1, /*gradient_checkpointing=*/false,
                           device);
  const std::vector<NamedParameter> parameters = named_parameters(model.parameters());
  GradientBuckets buckets(parameters, std::int64_t{25} << 20);
  const std::unique_ptr<Communicator> alone = make_single_communicator();
  GradientReducer reducer(*alone, buckets, Reduction::standard);
  for (GradientBucket& bucket : buckets.buckets()) {
    bucket.flat.normal_(0.0, 1e-3);
  }
  const ReducedGradients gradients = reducer.finish();
  const std::unique_ptr<Optimizer> lamb = make_optimizer(config.optimizer, parameters);
  const CallTimes times = time_calls(options.seconds, [&] {
    lamb->step(gradients, 1.0, 1e-6);
    wait_for_device(device);
  });
  const double bandwidth = measure_copy_rate(std::int64_t{1} << 26, 1.0, device);
  const auto count = static_cast<double>(count_parameters(config.model));
  // The first pass reads w, g, m, v and writes m, v; the second reads w, m, v and writes w and in
  // bf16 and fp16 its copy.
  const double bytes = config.precision == Precision::fp32 ? 40.0 : 42.0;
  return {{{"benchmark", "lamb"}, {"model", options.model}, {"dtype", options.dtype}},
          {{"parameters", count},
           {"threads", static_cast<double>(at::get_num_threads())},
           {"steps", static_cast<double>(times.calls)},
           {"milliseconds", 1e3 * times.median},
           {"milliseconds_fastest", 1e3 * times.smallest},
           {"milliseconds_slowest", 1e3 * times.largest},
           {"bytes_per_parameter", bytes},
           {"copy_bandwidth_gb_per_second", bandwidth / 1e9},
           {"bandwidth_fraction", bytes * count / times.median / bandwidth}}};
}

}  // namespace lambert
