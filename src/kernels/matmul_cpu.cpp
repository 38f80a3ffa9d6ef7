// SPDX-License-Identifier: Apache-2.0
// Matrix products by oneDNN. Making a primitive costs about a millisecond, so each thread keeps
// those it made.
#include <algorithm>
#include <array>
#include <map>
#include <mutex>
#include <vector>

#include <oneapi/dnnl/dnnl.hpp>

#include "base/error.h"
#include "kernels/matmul.h"
#include "kernels/parallel.h"
#include "kernels/widened_matrix.h"

namespace lambert {

namespace {

using dnnl::memory;

/// Everything that a primitive depends on.
using Key = std::array<std::int64_t, 16>;

struct CachedMatmul {
  dnnl::matmul primitive;
  memory::desc left;
  memory::desc right;
  memory::desc result;
  memory::desc bias;
};

const dnnl::engine& cpu_engine() {
  static const dnnl::engine engine(dnnl::engine::kind::cpu, 0);
  return engine;
}

/// fp16 is always widened: the library has no such products on a CPU.
memory::data_type data_type(ElementType type) {
  LAMBERT_CHECK(multiplies(type), "matmul: a type that should have been widened");
  return type == ElementType::float32 ? memory::data_type::f32 : memory::data_type::bf16;
}

template <typename View>
memory::desc describe(const View& view) {
  return {{view.rows, view.columns}, data_type(view.type), {view.row_stride, view.column_stride}};
}

dnnl::primitive_attr attributes_of(Accumulate accumulate) {
  dnnl::primitive_attr attributes;
  if (accumulate == Accumulate::yes) {
    dnnl::post_ops operations;
    operations.append_sum(1.0F);
    attributes.set_post_ops(operations);
  }
  return attributes;
}

CachedMatmul make_matmul(const Matrix& left, const memory::desc& right, const MutableMatrix& result,
                         bool has_bias, Accumulate accumulate) {
  CachedMatmul made;
  made.left = describe(left);
  made.right = right;
  made.result = describe(result);
  if (has_bias) {
    made.bias = {{1, result.columns}, memory::data_type::f32, memory::dims{result.columns, 1}};
  }
  const dnnl::matmul::desc description =
      has_bias ? dnnl::matmul::desc(made.left, made.right, made.bias, made.result)
               : dnnl::matmul::desc(made.left, made.right, made.result);
  made.primitive = dnnl::matmul(
      dnnl::matmul::primitive_desc(description, attributes_of(accumulate), cpu_engine()));
  return made;
}

/// The right operand of a product: as it lies in memory (layout 0), or packed in a layout of
/// packed_layout().
struct RightOperand {
  memory::desc description;
  std::int64_t layout = 0;
  std::int64_t row_stride = 0;
  std::int64_t column_stride = 0;
  std::int64_t columns = 0;
};

RightOperand right_operand(const Matrix& right) {
  return {describe(right), 0, right.row_stride, right.column_stride, right.columns};
}

/// A number for every packed layout that was seen, from 1.
std::int64_t packed_layout(const memory::desc& description) {
  static std::mutex mutex;
  static std::vector<memory::desc> seen;
  const std::lock_guard lock(mutex);
  const auto found = std::find(seen.begin(), seen.end(), description);
  if (found != seen.end()) {
    return found - seen.begin() + 1;
  }
  seen.push_back(description);
  return static_cast<std::int64_t>(seen.size());
}

const CachedMatmul& find_matmul(const Matrix& left, const RightOperand& right,
                                const MutableMatrix& result, bool has_bias, Accumulate accumulate) {
  const Key key{static_cast<std::int64_t>(left.type),
                static_cast<std::int64_t>(result.type),
                left.rows,
                left.columns,
                right.columns,
                left.row_stride,
                left.column_stride,
                right.row_stride,
                right.column_stride,
                result.row_stride,
                result.column_stride,
                static_cast<std::int64_t>(has_bias),
                static_cast<std::int64_t>(accumulate),
                thread_count(),
                omp_in_parallel(),
                right.layout};
  thread_local std::map<Key, CachedMatmul> cache;
  auto found = cache.find(key);
  if (found == cache.end()) {
    found = cache.emplace(key, make_matmul(left, right.description, result, has_bias, accumulate))
                .first;
  }
  return found->second;
}

/// The library takes pointers without const for inputs too.
memory wrap(const memory::desc& description, const void* data) {
  return {description, cpu_engine(), const_cast<void*>(data)};  // NOLINT
}

/// Longer inner dimensions (the vocabulary) are cut: measured 206 instead of 133 GF/s for (640,
/// 30522) by (30522, 256) on one Zen 5 core.
constexpr std::int64_t kLongestInner = 8192;

std::int64_t element_bytes(ElementType type) {
  return type == ElementType::float32 ? 4 : 2;
}

Matrix columns_of(const Matrix& matrix, std::int64_t first, std::int64_t count) {
  Matrix part = matrix;
  part.data = static_cast<const char*>(matrix.data) +
              first * matrix.column_stride * element_bytes(matrix.type);
  part.columns = count;
  return part;
}

MutableMatrix rows_of(const MutableMatrix& matrix, std::int64_t first, std::int64_t count) {
  MutableMatrix part = matrix;
  part.data =
      static_cast<char*>(matrix.data) + first * matrix.row_stride * element_bytes(matrix.type);
  part.rows = count;
  return part;
}

const dnnl::stream& cpu_stream() {
  thread_local const dnnl::stream stream(cpu_engine());
  return stream;
}

void multiply(const Matrix& left, const RightOperand& right, const void* right_data,
              const MutableMatrix& result, const float* bias, Accumulate accumulate) {
  const CachedMatmul& cached = find_matmul(left, right, result, bias != nullptr, accumulate);
  std::unordered_map<int, memory> arguments{{DNNL_ARG_SRC, wrap(cached.left, left.data)},
                                            {DNNL_ARG_WEIGHTS, wrap(cached.right, right_data)},
                                            {DNNL_ARG_DST, wrap(cached.result, result.data)}};
  if (bias != nullptr) {
    arguments.emplace(DNNL_ARG_BIAS, wrap(cached.bias, bias));
  }
  cached.primitive.execute(cpu_stream(), arguments);
}

void multiply(const Matrix& left, const Matrix& right, const MutableMatrix& result,
              const float* bias, Accumulate accumulate) {
  multiply(left, right_operand(right), right.data, result, bias, accumulate);
}

// Numbers of the work spaces of products that are widened.
constexpr int kLeftSpace = 100;
constexpr int kRightSpace = 101;
constexpr int kResultSpace = 102;

/// Elements of the left operand and of the result that are widened at once: they stay in the cache,
/// and logits do not take twice their memory.
constexpr std::int64_t kWidenedElements = std::int64_t{1} << 20;

/// Calls product(fp32 form of result), which adds to what is there or replaces it.
template <typename Product>
void into_wide_result(const MutableMatrix& result, Accumulate accumulate, const Product& product) {
  if (result.type == ElementType::float32) {
    product(result);
    return;
  }
  LAMBERT_CHECK(result.column_stride == 1,
                "matmul: the rows of a result that is widened are not dense");
  float* const wide = work_space<float, kResultSpace>(result.rows * result.columns);
  if (accumulate == Accumulate::yes) {
    widen_rows({result.data, result.type, result.rows, result.columns, result.row_stride, 1}, wide);
  }
  product(mutable_matrix(wide, result.rows, result.columns));
  narrow_rows(wide, result);
}

/// Calls product(fp32 form of some rows of left, fp32 form of these rows of result).
template <typename Product>
void widen_row_blocks(const Matrix& left, const MutableMatrix& result, Accumulate accumulate,
                      const Product& product) {
  const std::int64_t width = std::max(left.columns, result.columns);
  const std::int64_t block = std::max<std::int64_t>(kWidenedElements / width, 16);
  for (std::int64_t first = 0; first < left.rows; first += block) {
    const std::int64_t count = std::min(block, left.rows - first);
    const Matrix rows = columns_of(left.transposed(), first, count).transposed();
    into_wide_result(rows_of(result, first, count), accumulate,
                     [&](const MutableMatrix& wide) { product(widened<kLeftSpace>(rows), wide); });
  }
}

}  // namespace

bool multiplies_bfloat16() {
  constexpr auto kNeeded = static_cast<unsigned>(dnnl::cpu_isa::avx512_core);  // a set of bits
  static const auto present = static_cast<unsigned>(dnnl::get_effective_cpu_isa());
  return (present & kNeeded) == kNeeded;
}

bool multiplies(ElementType type) {
  return type == ElementType::float32 || (type == ElementType::bfloat16 && multiplies_bfloat16());
}

void matmul(const Matrix& left, const Matrix& right, const MutableMatrix& result, const float* bias,
            Accumulate accumulate) {
  LAMBERT_CHECK(left.columns == right.rows && left.rows == result.rows &&
                    right.columns == result.columns && left.type == right.type,
                "matmul: shapes or types of the operands disagree");
  LAMBERT_CHECK(left.columns > 0, "matmul: the inner dimension is empty");
  if (result.rows == 0 || result.columns == 0) {
    return;
  }
  if (!multiplies(left.type)) {
    const Matrix wide_right = widened<kRightSpace>(right);
    widen_row_blocks(left, result, accumulate, [&](const Matrix& rows, const MutableMatrix& wide) {
      matmul(rows, wide_right, wide, bias, accumulate);
    });
    return;
  }
  if (left.columns <= kLongestInner || result.type != ElementType::float32) {
    multiply(left, right, result, bias, accumulate);
    return;
  }
  for (std::int64_t first = 0; first < left.columns; first += kLongestInner) {
    const std::int64_t size = std::min(kLongestInner, left.columns - first);
    multiply(columns_of(left, first, size),
             columns_of(right.transposed(), first, size).transposed(), result,
             first == 0 ? bias : nullptr, first == 0 ? accumulate : Accumulate::yes);
  }
}

struct PackedMatrix::State {
  std::int64_t rows = 0;
  ElementType type = ElementType::float32;  // of what was given
  RightOperand operand;
  memory values;
};

PackedMatrix::PackedMatrix() : state_(std::make_unique<State>()) {}
PackedMatrix::~PackedMatrix() = default;

void PackedMatrix::pack(const Matrix& given, std::int64_t row_count) {
  State& state = *state_;
  const Matrix right = multiplies(given.type) ? given : widened<kRightSpace>(given);
  if (!state.values) {
    const memory::dims sizes = {row_count, right.rows};
    const memory::dims result_sizes = {row_count, right.columns};
    const auto dense = memory::format_tag::ab;
    const memory::desc any({right.rows, right.columns}, data_type(right.type),
                           memory::format_tag::any);
    const dnnl::matmul::primitive_desc best(
        dnnl::matmul::desc({sizes, data_type(right.type), dense}, any,
                           {result_sizes, data_type(right.type), dense}),
        cpu_engine());
    state.rows = right.rows;
    state.type = given.type;
    state.operand = {best.weights_desc(), packed_layout(best.weights_desc()), 0, 0, right.columns};
    state.values = memory(best.weights_desc(), cpu_engine());
  }
  LAMBERT_CHECK(state.rows == right.rows && state.operand.columns == right.columns &&
                    state.type == given.type,
                "pack: another shape or type than before");
  memory source = wrap(describe(right), right.data);
  dnnl::reorder(source, state.values).execute(cpu_stream(), source, state.values);
}

void matmul(const Matrix& left, const PackedMatrix& right, const MutableMatrix& result,
            const float* bias, Accumulate accumulate) {
  const PackedMatrix::State& packed = *right.state_;
  LAMBERT_CHECK(left.columns == packed.rows && left.rows == result.rows &&
                    packed.operand.columns == result.columns && left.type == packed.type,
                "matmul: shapes or types of the operands disagree");
  if (result.rows == 0 || result.columns == 0) {
    return;
  }
  const void* const values = packed.values.get_data_handle();
  if (multiplies(left.type)) {
    multiply(left, packed.operand, values, result, bias, accumulate);
    return;
  }
  widen_row_blocks(left, result, accumulate, [&](const Matrix& rows, const MutableMatrix& wide) {
    multiply(rows, packed.operand, values, wide, bias, accumulate);
  });
}

std::string matmul_library_version() {
  const dnnl_version_t* const version = dnnl_version();
  return "oneDNN " + std::to_string(version->major) + "." + std::to_string(version->minor) + "." +
         std::to_string(version->patch) + (multiplies_bfloat16() ? "" : ", bf16 as fp32");
}

}  // namespace lambert
