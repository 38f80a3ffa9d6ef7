// SPDX-License-Identifier: Apache-2.0
// Compiled, never run: our declarations of CUDA and NCCL against NVIDIA's headers.
#include <tuple>
#include <type_traits>

#include <cuda_runtime_api.h>
#include <nccl.h>

#include "comm/device_api.h"

namespace lambert {
namespace {

/// Passed in the same way by the C calling convention.
template <class Left, class Right>
constexpr bool passes_alike() {
  constexpr bool both_pointers = std::is_pointer_v<Left> && std::is_pointer_v<Right>;
  constexpr bool both_integers = (std::is_integral_v<Left> || std::is_enum_v<Left>)&&(
      std::is_integral_v<Right> || std::is_enum_v<Right>);
  constexpr bool both_classes = std::is_class_v<Left> && std::is_class_v<Right>;
  return sizeof(Left) == sizeof(Right) && (both_pointers || both_integers || both_classes);
}

template <class Theirs, class Ours>
struct Alike;
template <class Result, class... Arguments, class OurResult, class... OurArguments>
struct Alike<Result (*)(Arguments...), OurResult (*)(OurArguments...)> {
  static constexpr bool test() {
    if constexpr (sizeof...(Arguments) == sizeof...(OurArguments)) {
      return passes_alike<Result, OurResult>() && (passes_alike<Arguments, OurArguments>() && ...);
    }
    return false;
  }
};

template <class Theirs, class Ours>
constexpr bool kAlike = Alike<Theirs, Ours>::test();

#define LAMBERT_SAME_CALL(theirs, ours) \
  static_assert(kAlike<decltype(&theirs), decltype(ours)>, #theirs)

LAMBERT_SAME_CALL(cudaSetDevice, CudaCalls::set_device);
LAMBERT_SAME_CALL(cudaDeviceGetStreamPriorityRange, CudaCalls::stream_priority_range);
LAMBERT_SAME_CALL(cudaStreamCreateWithPriority, CudaCalls::stream_create);
LAMBERT_SAME_CALL(cudaStreamDestroy, CudaCalls::stream_destroy);
LAMBERT_SAME_CALL(cudaEventDestroy, CudaCalls::event_destroy);
LAMBERT_SAME_CALL(cudaEventQuery, CudaCalls::event_query);
LAMBERT_SAME_CALL(cudaGetErrorString, CudaCalls::error_string);
LAMBERT_SAME_CALL(ncclGetVersion, NcclCalls::version);
LAMBERT_SAME_CALL(ncclGetErrorString, NcclCalls::error_string);
LAMBERT_SAME_CALL(ncclGetLastError, NcclCalls::last_error);
LAMBERT_SAME_CALL(ncclGetUniqueId, NcclCalls::unique_id);
LAMBERT_SAME_CALL(ncclCommInitRank, NcclCalls::init_rank);
LAMBERT_SAME_CALL(ncclCommGetAsyncError, NcclCalls::async_error);
LAMBERT_SAME_CALL(ncclCommFinalize, NcclCalls::finalize);
LAMBERT_SAME_CALL(ncclCommDestroy, NcclCalls::destroy);
LAMBERT_SAME_CALL(ncclCommAbort, NcclCalls::abort);
LAMBERT_SAME_CALL(ncclCommRegister, NcclCalls::register_memory);
LAMBERT_SAME_CALL(ncclCommDeregister, NcclCalls::deregister);
LAMBERT_SAME_CALL(ncclMemAlloc, NcclCalls::allocate);
LAMBERT_SAME_CALL(ncclMemFree, NcclCalls::free);
LAMBERT_SAME_CALL(ncclGroupStart, NcclCalls::group_start);
LAMBERT_SAME_CALL(ncclGroupEnd, NcclCalls::group_end);
LAMBERT_SAME_CALL(ncclAllReduce, NcclCalls::all_reduce);
LAMBERT_SAME_CALL(ncclReduceScatter, NcclCalls::reduce_scatter);
LAMBERT_SAME_CALL(ncclAllGather, NcclCalls::all_gather);
LAMBERT_SAME_CALL(ncclReduce, NcclCalls::reduce);
LAMBERT_SAME_CALL(ncclBroadcast, NcclCalls::broadcast);

// Overloaded in C++ by CUDA's header: the C function is chosen by its type.
static_assert(kAlike<cudaError_t (*)(cudaStream_t, cudaEvent_t, unsigned),
                     decltype(CudaCalls::stream_wait_event)>);
static_assert(kAlike<cudaError_t (*)(cudaEvent_t*, unsigned), decltype(CudaCalls::event_create)>);
static_assert(
    kAlike<cudaError_t (*)(cudaEvent_t, cudaStream_t), decltype(CudaCalls::event_record)>);
static_assert(kAlike<cudaError_t (*)(void*, const void*, std::size_t, cudaMemcpyKind, cudaStream_t),
                     decltype(CudaCalls::memcpy_async)>);
[[maybe_unused]] constexpr auto kWait =
    static_cast<cudaError_t (*)(cudaStream_t, cudaEvent_t, unsigned)>(&cudaStreamWaitEvent);
[[maybe_unused]] constexpr auto kCreate =
    static_cast<cudaError_t (*)(cudaEvent_t*, unsigned)>(&cudaEventCreateWithFlags);
[[maybe_unused]] constexpr auto kRecord =
    static_cast<cudaError_t (*)(cudaEvent_t, cudaStream_t)>(&cudaEventRecord);
[[maybe_unused]] constexpr auto kCopy =
    static_cast<cudaError_t (*)(void*, const void*, std::size_t, cudaMemcpyKind, cudaStream_t)>(
        &cudaMemcpyAsync);

static_assert(sizeof(NcclUniqueId) == sizeof(ncclUniqueId));
static_assert(kCudaSuccess == static_cast<int>(cudaSuccess));
static_assert(kCudaErrorNotReady == static_cast<int>(cudaErrorNotReady));
static_assert(kCudaStreamNonBlocking == cudaStreamNonBlocking);
static_assert(kCudaEventDisableTiming == cudaEventDisableTiming);
static_assert(kCudaMemcpyDeviceToDevice == static_cast<int>(cudaMemcpyDeviceToDevice));
static_assert(kNcclSuccess == static_cast<int>(ncclSuccess));
static_assert(kNcclInProgress == static_cast<int>(ncclInProgress));
static_assert(kNcclSum == static_cast<int>(ncclSum));
static_assert(static_cast<int>(NcclType::bytes) == static_cast<int>(ncclInt8));
static_assert(static_cast<int>(NcclType::int64) == static_cast<int>(ncclInt64));
static_assert(static_cast<int>(NcclType::float32) == static_cast<int>(ncclFloat32));
static_assert(static_cast<int>(NcclType::bfloat16) == static_cast<int>(ncclBfloat16));

}  // namespace
}  // namespace lambert
