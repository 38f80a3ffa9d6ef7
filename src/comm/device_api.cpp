// SPDX-License-Identifier: Apache-2.0
#include "comm/device_api.h"

#include <dlfcn.h>

#include "base/error.h"

namespace lambert {
namespace {

/// One shared library, open until the process ends: its threads may outlive any owner.
class Library {
 public:
  explicit Library(const std::string& name)
      : name_(name), handle_(dlopen(name.c_str(), RTLD_NOW | RTLD_LOCAL)) {
    if (handle_ == nullptr) {
      const char* reason = dlerror();
      throw DeviceError("loading " + name + " for communication.backend nccl: " +
                        (reason == nullptr ? "not found" : reason) +
                        "; install the NCCL and CUDA 13 that LibTorch was built with, or choose "
                        "communication.backend: mpi and run on the CPU");
    }
  }

  template <class Function>
  void find(const char* symbol, Function*& function) const {
    void* address = dlsym(handle_, symbol);
    if (address == nullptr) {
      throw DeviceError("loading " + name_ + " for communication.backend nccl: it has no " +
                        symbol + "; NCCL 2.19 or newer and CUDA 13 are needed");
    }
    function = reinterpret_cast<Function*>(address);
  }

 private:
  std::string name_;
  void* handle_;
};

CudaCalls find_cuda_calls(const Library& library) {
  CudaCalls calls;
  library.find("cudaSetDevice", calls.set_device);
  library.find("cudaDeviceGetStreamPriorityRange", calls.stream_priority_range);
  library.find("cudaStreamCreateWithPriority", calls.stream_create);
  library.find("cudaStreamDestroy", calls.stream_destroy);
  library.find("cudaStreamWaitEvent", calls.stream_wait_event);
  library.find("cudaEventCreateWithFlags", calls.event_create);
  library.find("cudaEventRecord", calls.event_record);
  library.find("cudaEventQuery", calls.event_query);
  library.find("cudaEventDestroy", calls.event_destroy);
  library.find("cudaMemcpyAsync", calls.memcpy_async);
  library.find("cudaGetErrorString", calls.error_string);
  return calls;
}

NcclCalls find_nccl_calls(const Library& library) {
  NcclCalls calls;
  library.find("ncclGetVersion", calls.version);
  library.find("ncclGetErrorString", calls.error_string);
  library.find("ncclGetLastError", calls.last_error);
  library.find("ncclGetUniqueId", calls.unique_id);
  library.find("ncclCommInitRank", calls.init_rank);
  library.find("ncclCommGetAsyncError", calls.async_error);
  library.find("ncclCommFinalize", calls.finalize);
  library.find("ncclCommDestroy", calls.destroy);
  library.find("ncclCommAbort", calls.abort);
  library.find("ncclCommRegister", calls.register_memory);
  library.find("ncclCommDeregister", calls.deregister);
  library.find("ncclMemAlloc", calls.allocate);
  library.find("ncclMemFree", calls.free);
  library.find("ncclGroupStart", calls.group_start);
  library.find("ncclGroupEnd", calls.group_end);
  library.find("ncclAllReduce", calls.all_reduce);
  library.find("ncclReduceScatter", calls.reduce_scatter);
  library.find("ncclAllGather", calls.all_gather);
  library.find("ncclReduce", calls.reduce);
  library.find("ncclBroadcast", calls.broadcast);
  return calls;
}

}  // namespace

std::shared_ptr<const DeviceApi> load_device_api(const DeviceLibraries& libraries) {
  auto api = std::make_shared<DeviceApi>();
  api->cuda = find_cuda_calls(Library(libraries.cuda_runtime));
  api->nccl = find_nccl_calls(Library(libraries.nccl));
  Dl_info where = {};
  if (dladdr(reinterpret_cast<void*>(api->nccl.version), &where) != 0) {
    api->nccl_path = where.dli_fname;
  }
  return api;
}

void check_cuda(const DeviceApi& api, int result, const std::string& doing) {
  if (result != kCudaSuccess) {
    throw DeviceError(doing + ": CUDA reports: " + api.cuda.error_string(result) + " (code " +
                      std::to_string(result) +
                      "); start the job again to resume from the last checkpoint");
  }
}

}  // namespace lambert
