// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>

namespace lambert {

/// From now on tensors of this process come from one arena (base/memory_arena.h), and other freed
/// memory stays too: after the first step of the largest shape no step asks the system for memory.
/// For the whole process, so only programs that train call it, once, before the first tensor.
void keep_tensor_memory();

/// Bytes of the arena that tensors have ever used; 0 before keep_tensor_memory().
std::size_t kept_tensor_bytes();

}  // namespace lambert
