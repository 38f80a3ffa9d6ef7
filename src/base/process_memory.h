// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace lambert {

/// The largest resident size of this process so far, bytes.
double largest_resident_bytes();

/// From now on freed memory stays with this process, for the next allocation: steps repeat the same
/// sizes, and giving pages back and faulting them in again costs a tenth of a small model's step.
void keep_freed_memory();

}  // namespace lambert
