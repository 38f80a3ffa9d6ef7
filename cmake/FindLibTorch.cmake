# SPDX-License-Identifier: Apache-2.0
# Imported targets for LibTorch: LibTorch::cpu and, with LAMBERT_CUDA, LibTorch::cuda. find_package(Torch) of a CUDA wheel demands a complete
# CUDA toolkit even for CPU use, so the targets are made by hand.
#
# LIBTORCH_DIR (cache or environment): a folder with include/ and lib/. Default: what scripts/setup.sh installed.
if(NOT LIBTORCH_DIR)
  if(DEFINED ENV{LIBTORCH_DIR})
    set(LIBTORCH_DIR $ENV{LIBTORCH_DIR})
  else()
    set(LIBTORCH_DIR ${CMAKE_SOURCE_DIR}/.deps/libtorch/torch)
  endif()
endif()
set(LIBTORCH_DIR ${LIBTORCH_DIR} CACHE PATH "LibTorch: folder with include/ and lib/")

find_path(LibTorch_INCLUDE_DIR ATen/core/Tensor.h PATHS ${LIBTORCH_DIR}/include NO_DEFAULT_PATH)
find_library(LibTorch_CPU_LIBRARY torch_cpu PATHS ${LIBTORCH_DIR}/lib NO_DEFAULT_PATH)
find_library(LibTorch_C10_LIBRARY c10 PATHS ${LIBTORCH_DIR}/lib NO_DEFAULT_PATH)

include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(LibTorch
  REQUIRED_VARS LibTorch_CPU_LIBRARY LibTorch_C10_LIBRARY LibTorch_INCLUDE_DIR
  REASON_FAILURE_MESSAGE "no LibTorch in ${LIBTORCH_DIR}, run scripts/setup.sh or set LIBTORCH_DIR")

# The wheel carries its own OpenMP runtime and the CUDA libraries that libtorch_cpu.so names lie beside
# the torch package; the program finds both through its run path.
file(GLOB LibTorch_OPENMP_LIBRARY ${LIBTORCH_DIR}/lib/libgomp*.so* ${LIBTORCH_DIR}/../torch.libs/libgomp*.so*)
file(GLOB LibTorch_NVIDIA_LIBRARY_DIRS ${LIBTORCH_DIR}/../nvidia/*/lib ${LIBTORCH_DIR}/../nvidia/*/*/lib)
list(LENGTH LibTorch_OPENMP_LIBRARY LibTorch_OPENMP_COUNT)
if(NOT LibTorch_OPENMP_COUNT EQUAL 1)
  message(FATAL_ERROR "expected exactly one OpenMP runtime with LibTorch, found: ${LibTorch_OPENMP_LIBRARY}")
endif()
message(STATUS "OpenMP runtime: ${LibTorch_OPENMP_LIBRARY}")

if(LibTorch_FOUND AND NOT TARGET LibTorch::cpu)
  add_library(LibTorch::c10 SHARED IMPORTED)
  set_target_properties(LibTorch::c10 PROPERTIES IMPORTED_LOCATION ${LibTorch_C10_LIBRARY})
  target_include_directories(LibTorch::c10 SYSTEM INTERFACE ${LibTorch_INCLUDE_DIR})
  add_library(LibTorch::cpu SHARED IMPORTED)
  set_target_properties(LibTorch::cpu PROPERTIES IMPORTED_LOCATION ${LibTorch_CPU_LIBRARY})
  target_include_directories(LibTorch::cpu SYSTEM INTERFACE
    ${LibTorch_INCLUDE_DIR} ${LibTorch_INCLUDE_DIR}/torch/csrc/api/include)
  target_link_libraries(LibTorch::cpu INTERFACE LibTorch::c10)
  foreach(directory ${LibTorch_NVIDIA_LIBRARY_DIRS})
    target_link_options(LibTorch::cpu INTERFACE -Wl,-rpath,${directory} -Wl,-rpath-link,${directory})
  endforeach()
  target_link_options(LibTorch::cpu INTERFACE -Wl,--no-as-needed)
endif()

# What makes a program able to use GPUs: these libraries register the device with LibTorch when they are loaded
# (docs/decisions/0006-devices-register-themselves.md).
if(LAMBERT_CUDA AND LibTorch_FOUND AND NOT TARGET LibTorch::cuda)
  find_library(LibTorch_CUDA_LIBRARY torch_cuda PATHS ${LIBTORCH_DIR}/lib NO_DEFAULT_PATH)
  find_library(LibTorch_C10_CUDA_LIBRARY c10_cuda PATHS ${LIBTORCH_DIR}/lib NO_DEFAULT_PATH)
  if(NOT LibTorch_CUDA_LIBRARY OR NOT LibTorch_C10_CUDA_LIBRARY)
    message(FATAL_ERROR "the LibTorch in ${LIBTORCH_DIR} has no libtorch_cuda.so; run scripts/setup.sh --cuda")
  endif()
  # One NCCL in a process: the one that LibTorch was built against.
  file(GLOB LibTorch_NCCL_LIBRARY ${LIBTORCH_DIR}/../nvidia/*/lib/libnccl.so*)
  list(LENGTH LibTorch_NCCL_LIBRARY LibTorch_NCCL_COUNT)
  if(NOT LibTorch_NCCL_COUNT EQUAL 1)
    message(FATAL_ERROR "expected exactly one NCCL with LibTorch, found: ${LibTorch_NCCL_LIBRARY}; run scripts/setup.sh --cuda")
  endif()
  message(STATUS "NCCL: ${LibTorch_NCCL_LIBRARY}")
  add_library(LibTorch::cuda INTERFACE IMPORTED)
  target_link_libraries(LibTorch::cuda INTERFACE LibTorch::cpu)
  # Nothing of them is called by name, so the linker would leave them out.
  target_link_options(LibTorch::cuda INTERFACE
    "LINKER:--push-state,--no-as-needed,${LibTorch_CUDA_LIBRARY},${LibTorch_C10_CUDA_LIBRARY},--pop-state")
endif()
