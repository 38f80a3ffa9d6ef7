// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>
#include <vector>

#include "kernels/cross_entropy.h"
#include "kernels/parallel.h"
#include "kernels/vector_math.h"
#include "kernels/work_space.h"

namespace lambert {

namespace {

template <typename T>
float largest_of(const T* row, std::int64_t classes) {
  float largest = to_float(row[0]);
#pragma omp simd reduction(max : largest)
  for (std::int64_t c = 0; c < classes; ++c) {
    const float value = to_float(row[c]);
    largest = value > largest ? value : largest;
  }
  return largest;
}

template <typename T>
bool label_is_first_largest(const T* row, std::int64_t label, float largest) {
  if (to_float(row[label]) < largest) {
    return false;
  }
  return std::none_of(row, row + label, [&](T value) { return to_float(value) >= largest; });
}

template <typename T>
void cross_entropy_row(T* row, std::int64_t label, std::int64_t classes, LogitsBecome become,
                       float* exponentials, CrossEntropySums& sums) {
  const float largest = largest_of(row, classes);
  sums.correct += label_is_first_largest(row, label, largest) ? 1 : 0;
  float sum = 0.0F;
#pragma omp simd reduction(+ : sum)
  for (std::int64_t c = 0; c < classes; ++c) {
    exponentials[c] = vector_exp(to_float(row[c]) - largest);
    sum += exponentials[c];
  }
  sums.loss += static_cast<double>(std::log(sum) - (to_float(row[label]) - largest));
  if (become == LogitsBecome::gradients) {
    const float inverse = 1.0F / sum;
    constexpr float kScale = kLogitGradientScale<T>;
#pragma omp simd
    for (std::int64_t c = 0; c < classes; ++c) {
      row[c] = from_float<T>(exponentials[c] * inverse * kScale);
    }
    row[label] = from_float<T>((exponentials[label] * inverse - 1.0F) * kScale);
  }
}

}  // namespace

template <typename T>
CrossEntropySums cross_entropy(T* logits, const std::int64_t* labels, std::int64_t rows,
                               std::int64_t classes, LogitsBecome become) {
  const auto parts = static_cast<std::size_t>(thread_count());
  auto partial = std::vector<CrossEntropySums>(parts);
  on_every_thread([&](int thread, int threads) {
    float* const exponentials = work_space<float, 0>(classes);
    const Range range = part_of(rows, thread, threads);
    for (std::int64_t row = range.begin; row < range.end; ++row) {
      T* const values = logits + row * classes;
      if (labels[row] != kNoLabel) {
        cross_entropy_row(values, labels[row], classes, become, exponentials,
                          partial[static_cast<std::size_t>(thread)]);
      } else if (become == LogitsBecome::gradients) {
        std::fill_n(values, classes, from_float<T>(0.0F));
      }
    }
  });
  CrossEntropySums total;
  for (const CrossEntropySums& part : partial) {
    total.loss += part.loss;
    total.correct += part.correct;
  }
  return total;
}

template CrossEntropySums cross_entropy(float*, const std::int64_t*, std::int64_t, std::int64_t,
                                        LogitsBecome);
template CrossEntropySums cross_entropy(Bfloat16*, const std::int64_t*, std::int64_t, std::int64_t,
                                        LogitsBecome);
template CrossEntropySums cross_entropy(Float16*, const std::int64_t*, std::int64_t, std::int64_t,
                                        LogitsBecome);

}  // namespace lambert
