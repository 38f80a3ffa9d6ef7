# SPDX-License-Identifier: Apache-2.0
# lambert_options: the flags of every target. lambert_module / lambert_torch_module: one static library per
# folder of src/. lambert_test: one GoogleTest program.
add_library(lambert_options INTERFACE)
target_compile_features(lambert_options INTERFACE cxx_std_20)
set(LAMBERT_WARNINGS -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Werror)
target_compile_options(lambert_options INTERFACE "$<$<COMPILE_LANGUAGE:C,CXX>:${LAMBERT_WARNINGS}>")
target_include_directories(lambert_options INTERFACE ${CMAKE_SOURCE_DIR}/src)
target_link_libraries(lambert_options INTERFACE Threads::Threads)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/bin)
if(LAMBERT_SANITIZER)
  target_compile_options(lambert_options INTERFACE -fsanitize=${LAMBERT_SANITIZER} -fno-omit-frame-pointer -fno-sanitize-recover=all)
  target_link_options(lambert_options INTERFACE -fsanitize=${LAMBERT_SANITIZER})
endif()

# For .cu files (src/kernels/CMakeLists.txt, scripts/cuda_resources.py). The standard by hand: CMake 3.25.1 does not know
# that nvcc has it.
set(LAMBERT_NVCC_OPTIONS -std=c++20 --expt-relaxed-constexpr -Werror=all-warnings -Xcompiler=-Wall,-Wextra,-Wshadow,-Werror)

# lambert_module(NAME SOURCES a.cpp ... LINKS lambert_base ... PRIVATE_LINKS third::party ...)
function(lambert_module name)
  cmake_parse_arguments(ARG "" "" "SOURCES;LINKS;PRIVATE_LINKS" ${ARGN})
  add_library(lambert_${name} STATIC ${ARG_SOURCES})
  target_link_libraries(lambert_${name} PUBLIC lambert_options ${ARG_LINKS} PRIVATE ${ARG_PRIVATE_LINKS})
endfunction()

# lambert_vector_module(NAME SOURCES a.cpp ... LINKS ...): loops that become vector instructions, as a shared library
# that is compiled for the plain processor and once more for every level in LAMBERT_CPU_LEVELS. The dynamic loader takes
# the highest level that the processor has, from lib/glibc-hwcaps/LEVEL/ (docs/decisions/0002-kernels-by-processor-level.md).
# No -ffast-math: NaN must stay visible. The two math options only tell that nobody reads errno or floating-point traps.
function(lambert_vector_module name)
  cmake_parse_arguments(ARG "" "" "SOURCES;LINKS;OPTIONS" ${ARGN})
  foreach(level IN ITEMS plain LISTS LAMBERT_CPU_LEVELS)
    set(target lambert_${name})
    set(directory ${CMAKE_BINARY_DIR}/lib)
    set(level_options "")
    if(NOT level STREQUAL plain)
      set(target lambert_${name}_${level})
      set(directory ${CMAKE_BINARY_DIR}/lib/glibc-hwcaps/${level})
      set(level_options -march=${level} -mprefer-vector-width=512)
      add_dependencies(lambert_${name} ${target})
    endif()
    add_library(${target} SHARED ${ARG_SOURCES})
    set_target_properties(${target} PROPERTIES OUTPUT_NAME lambert_${name} LIBRARY_OUTPUT_DIRECTORY ${directory})
    target_link_libraries(${target} PUBLIC lambert_options ${ARG_LINKS})
    target_compile_definitions(${target} PRIVATE LAMBERT_CPU_LEVEL="${level}")
    target_compile_options(${target} PRIVATE -O3 -fno-math-errno -fno-trapping-math -fno-semantic-interposition
      ${level_options} ${ARG_OPTIONS})
    target_link_options(${target} PRIVATE ${ARG_OPTIONS})
  endforeach()
endfunction()

# lambert_use_headers(TARGET PRECOMPILED plain.cpp ...): takes the precompiled header of another target. Sources that include
# nothing of LibTorch are named: loading its header would cost them ten times their own compile time.
function(lambert_use_headers target precompiled)
  # The shared header is built with -fPIC; a program's default of -fPIE would not match it.
  target_compile_options(${target} PRIVATE -fPIC)
  target_precompile_headers(${target} REUSE_FROM ${precompiled})
  set_source_files_properties(${ARGN} PROPERTIES SKIP_PRECOMPILE_HEADERS ON)
endfunction()

# lambert_torch_module(NAME SOURCES a.cpp ... PLAIN_SOURCES b.cpp ... LINKS ...): PLAIN_SOURCES include nothing of LibTorch.
function(lambert_torch_module name)
  cmake_parse_arguments(ARG "" "" "SOURCES;PLAIN_SOURCES;LINKS;PRIVATE_LINKS" ${ARGN})
  lambert_module(${name} SOURCES ${ARG_SOURCES} ${ARG_PLAIN_SOURCES} LINKS ${ARG_LINKS} LibTorch::cpu
    PRIVATE_LINKS ${ARG_PRIVATE_LINKS})
  lambert_use_headers(lambert_${name} lambert_torch_precompiled ${ARG_PLAIN_SOURCES})
endfunction()

# lambert_precompiled(NAME HEADERS a.h ... LINKS library ... OPTIONS -O1 ...): a target whose precompiled header others reuse.
function(lambert_precompiled name)
  cmake_parse_arguments(ARG "" "" "HEADERS;LINKS;OPTIONS" ${ARGN})
  file(WRITE ${CMAKE_BINARY_DIR}/${name}.cpp "")
  add_library(${name} STATIC ${CMAKE_BINARY_DIR}/${name}.cpp)
  target_link_libraries(${name} PUBLIC lambert_options ${ARG_LINKS})
  target_compile_options(${name} PRIVATE -fPIC ${ARG_OPTIONS})
  target_precompile_headers(${name} PRIVATE ${ARG_HEADERS})
endfunction()

set(headers ${CMAKE_SOURCE_DIR}/cmake)
# Tests are compiled fast rather than made fast: what takes time in them is the libraries.
set(LAMBERT_TEST_OPTIONS -O1)
if(LAMBERT_BUILD_TORCH)
  lambert_precompiled(lambert_torch_precompiled HEADERS ${headers}/torch_precompiled.h LINKS LibTorch::cpu)
endif()
if(LAMBERT_BUILD_TESTS)
  lambert_precompiled(lambert_test_precompiled HEADERS ${headers}/test_precompiled.h LINKS GTest::gmock
    OPTIONS ${LAMBERT_TEST_OPTIONS})
  if(LAMBERT_BUILD_TORCH)
    lambert_precompiled(lambert_torch_test_precompiled LINKS LibTorch::cpu GTest::gmock OPTIONS ${LAMBERT_TEST_OPTIONS}
      HEADERS ${headers}/torch_precompiled.h ${headers}/test_precompiled.h)
  endif()
endif()

# lambert_test(NAME LABEL unit SOURCES a_test.cpp ... LINKS lambert_data ...): every test of the program is listed by CTest
# as one entry; a test that needs LibTorch also passes TORCH.
function(lambert_test name)
  cmake_parse_arguments(ARG "TORCH" "LABEL;TIMEOUT" "SOURCES;LINKS" ${ARGN})
  add_executable(${name} ${ARG_SOURCES})
  target_include_directories(${name} PRIVATE ${CMAKE_SOURCE_DIR}/tests)
  target_link_libraries(${name} PRIVATE lambert_options ${ARG_LINKS} GTest::gmock GTest::gtest_main)
  target_compile_definitions(${name} PRIVATE LAMBERT_FIXTURES="${CMAKE_SOURCE_DIR}/tests/fixtures"
    LAMBERT_SOURCE_DIRECTORY="${CMAKE_SOURCE_DIR}" LAMBERT_PROGRAM="${CMAKE_BINARY_DIR}/bin/lambert")
  target_compile_options(${name} PRIVATE ${LAMBERT_TEST_OPTIONS})
  if(ARG_TORCH)
    target_link_libraries(${name} PRIVATE LibTorch::cpu)
    lambert_use_headers(${name} lambert_torch_test_precompiled)
  else()
    lambert_use_headers(${name} lambert_test_precompiled)
  endif()
  if(NOT ARG_TIMEOUT)
    set(ARG_TIMEOUT 300)
  endif()
  add_test(NAME ${name} COMMAND ${name})
  set_tests_properties(${name} PROPERTIES LABELS "${ARG_LABEL}" TIMEOUT ${ARG_TIMEOUT})
endfunction()
