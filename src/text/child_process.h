// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <string>

namespace lambert {

/// Runs work in a forked child and returns what it returned: a crash of a library there cannot end
/// this process. activity ("loading model x") begins the message of the DataError for a child that
/// ended by a signal, with an exit code, or with an exception. Call it before threads of this
/// process hold locks that work needs.
std::string run_in_child_process(const std::function<std::string()>& work,
                                 const std::string& activity);

}  // namespace lambert
