// SPDX-License-Identifier: Apache-2.0
// The few calls of NCCL and of the CUDA runtime that the communicator makes, declared without
// NVIDIA's headers and found at run time: every build contains and tests this code, and a rank on a
// CPU never touches it. tests/unit/comm/device_api_declarations.cpp compares the declarations with
// NVIDIA's own.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

namespace lambert {

using CudaStreamHandle = void*;  // cudaStream_t
using CudaEvent = void*;         // cudaEvent_t
using NcclComm = void*;          // ncclComm_t

inline constexpr int kCudaSuccess = 0;
inline constexpr int kCudaErrorNotReady = 600;
inline constexpr unsigned kCudaStreamNonBlocking = 1;
inline constexpr unsigned kCudaEventDisableTiming = 2;
inline constexpr int kCudaMemcpyDeviceToDevice = 3;

inline constexpr int kNcclSuccess = 0;
inline constexpr int kNcclInProgress = 7;
inline constexpr int kNcclSum = 0;
enum class NcclType : int { bytes = 0, int64 = 4, float32 = 7, bfloat16 = 9 };

struct NcclUniqueId {
  std::array<char, 128> internal = {};
};

/// Returns of all but the texts: cudaError_t.
struct CudaCalls {
  int (*set_device)(int device) = nullptr;
  int (*stream_priority_range)(int* least, int* greatest) = nullptr;
  int (*stream_create)(CudaStreamHandle* stream, unsigned flags, int priority) = nullptr;
  int (*stream_destroy)(CudaStreamHandle stream) = nullptr;
  int (*stream_wait_event)(CudaStreamHandle stream, CudaEvent event, unsigned flags) = nullptr;
  int (*event_create)(CudaEvent* event, unsigned flags) = nullptr;
  int (*event_record)(CudaEvent event, CudaStreamHandle stream) = nullptr;
  int (*event_query)(CudaEvent event) = nullptr;
  int (*event_destroy)(CudaEvent event) = nullptr;
  int (*memcpy_async)(void* target, const void* source, std::size_t bytes, int kind,
                      CudaStreamHandle stream) = nullptr;
  const char* (*error_string)(int result) = nullptr;
};

/// Returns of all but the texts: ncclResult_t.
struct NcclCalls {
  int (*version)(int* version) = nullptr;
  const char* (*error_string)(int result) = nullptr;
  const char* (*last_error)(NcclComm comm) = nullptr;
  int (*unique_id)(NcclUniqueId* id) = nullptr;
  int (*init_rank)(NcclComm* comm, int ranks, NcclUniqueId id, int rank) = nullptr;
  int (*async_error)(NcclComm comm, int* error) = nullptr;
  int (*finalize)(NcclComm comm) = nullptr;
  int (*destroy)(NcclComm comm) = nullptr;
  int (*abort)(NcclComm comm) = nullptr;
  int (*register_memory)(NcclComm comm, void* memory, std::size_t bytes, void** handle) = nullptr;
  int (*deregister)(NcclComm comm, void* handle) = nullptr;
  int (*allocate)(void** memory, std::size_t bytes) = nullptr;
  int (*free)(void* memory) = nullptr;
  int (*group_start)() = nullptr;
  int (*group_end)() = nullptr;
  int (*all_reduce)(const void* send, void* receive, std::size_t count, NcclType type,
                    int operation, NcclComm comm, CudaStreamHandle stream) = nullptr;
  int (*reduce_scatter)(const void* send, void* receive, std::size_t receive_count, NcclType type,
                        int operation, NcclComm comm, CudaStreamHandle stream) = nullptr;
  int (*all_gather)(const void* send, void* receive, std::size_t send_count, NcclType type,
                    NcclComm comm, CudaStreamHandle stream) = nullptr;
  int (*reduce)(const void* send, void* receive, std::size_t count, NcclType type, int operation,
                int root, NcclComm comm, CudaStreamHandle stream) = nullptr;
  int (*broadcast)(const void* send, void* receive, std::size_t count, NcclType type, int root,
                   NcclComm comm, CudaStreamHandle stream) = nullptr;
};

/// Names for dlopen. The defaults are those that LibTorch's CUDA libraries are linked with: asking
/// for them by these names gives the copies that LibTorch has loaded, so a process never has two.
struct DeviceLibraries {
  std::string nccl = "libnccl.so.2";
  std::string cuda_runtime = "libcudart.so.13";
};

struct DeviceApi {
  CudaCalls cuda;
  NcclCalls nccl;
  std::string nccl_path;  // of the file that was loaded
};

/// Never unloaded. Throws DeviceError with what was looked for when a library or call is missing.
std::shared_ptr<const DeviceApi> load_device_api(const DeviceLibraries& libraries);

/// Throws DeviceError with CUDA's words unless result is success. doing: for the message.
void check_cuda(const DeviceApi& api, int result, const std::string& doing);

}  // namespace lambert
