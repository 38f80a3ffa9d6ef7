// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

namespace lambert {

/// Throws CommError with MPI's own words when an MPI call did not return MPI_SUCCESS.
void check_mpi(int result, const std::string& call);

}  // namespace lambert
