// SPDX-License-Identifier: Apache-2.0
// What is linked instead of the device's kernels in a build without CUDA.
#include <gtest/gtest.h>

#include "base/error.h"
#include "kernels/bias_gelu.h"
#include "kernels/matmul.h"

namespace lambert {
namespace {

TEST(CudaUnavailable, EveryKernelOfADeviceSaysThatTheProgramHasNone) {
  try {
    bias_gelu_forward<Bfloat16>(CudaStream{}, GeluForm::erf, nullptr, nullptr, 1, 1, nullptr);
    ADD_FAILURE() << "no error";
  } catch (const DeviceError& error) {
    EXPECT_EQ(std::string(error.what()).find("this program was built without CUDA"), 0U);
    EXPECT_EQ(error.code(), ExitCode::device);
  }
  EXPECT_THROW(matmul_scratch_bytes(), DeviceError);
}

}  // namespace
}  // namespace lambert
