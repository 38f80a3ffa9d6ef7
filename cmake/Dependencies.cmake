# SPDX-License-Identifier: Apache-2.0
# Every third-party dependency, found here once. Nothing is downloaded: scripts/setup.sh installs them.
find_program(CCACHE_PROGRAM ccache)
if(CCACHE_PROGRAM)
  # The sloppiness settings are the ones ccache's manual asks for with precompiled headers.
  set(CMAKE_CXX_COMPILER_LAUNCHER
      ${CMAKE_COMMAND} -E env CCACHE_SLOPPINESS=pch_defines,time_macros,include_file_mtime,include_file_ctime
      CCACHE_BASEDIR=${CMAKE_SOURCE_DIR} ${CCACHE_PROGRAM})
endif()

find_package(PkgConfig REQUIRED)
find_package(Threads REQUIRED)
find_package(spdlog REQUIRED)
find_package(nlohmann_json REQUIRED)
find_package(yaml-cpp REQUIRED)
find_package(MPI REQUIRED COMPONENTS C)
find_package(ICU REQUIRED COMPONENTS uc i18n data)
find_package(LibArchive REQUIRED)
find_package(Boost REQUIRED)
find_package(CLI11 REQUIRED)
find_package(OpenSSL REQUIRED)
pkg_check_modules(sentencepiece REQUIRED IMPORTED_TARGET sentencepiece)
pkg_check_modules(xxhash REQUIRED IMPORTED_TARGET libxxhash)
# By hand: Debian's dnnl-config.cmake asks for OpenCL, which a CPU build does not use.
find_path(DNNL_INCLUDE_DIR oneapi/dnnl/dnnl.hpp REQUIRED)
find_library(DNNL_LIBRARY dnnl REQUIRED)
find_path(PROTOZERO_INCLUDE_DIR protozero/pbf_reader.hpp REQUIRED)
find_path(SIMDJSON_INCLUDE_DIR simdjson.h REQUIRED)
find_library(SIMDJSON_LIBRARY simdjson REQUIRED)

if(LAMBERT_CUDA)
  find_package(CUDAToolkit 12.8 REQUIRED)  # the first that knows architecture 100
  message(STATUS "CUDA toolkit: ${CUDAToolkit_VERSION}, architectures ${CMAKE_CUDA_ARCHITECTURES}")
endif()
if(LAMBERT_BUILD_TORCH)
  find_package(LibTorch REQUIRED)
endif()
if(LAMBERT_BUILD_TESTS)
  find_package(GTest REQUIRED)
endif()
