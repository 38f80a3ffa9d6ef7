# SPDX-License-Identifier: Apache-2.0
# Imported targets for LibTorch: LibTorch::cpu. find_package(Torch) of a CUDA wheel demands a complete
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
