// SPDX-License-Identifier: Apache-2.0
// USR1 = save and stop, USR2 = save and go on. The handlers only set a flag (the one global of the
// program, as C demands); ranks agree on it at a step boundary. They run on a thread of their own:
// oneDNN's fp32 products keep data of the heap under the stack pointer, where a handler on a
// computing thread would write its frame (oneDNN issue 4845, all versions before 3.11.2).
#pragma once

namespace lambert {

enum class StopRequest : int { none = 0, save = 1, save_and_stop = 2 };

/// Installs the handlers for USR1 and USR2. INT and TERM count as USR1; a second INT ends the
/// process at once. Blocks these signals on the calling thread and all that it starts later: called
/// before anything computes.
void install_stop_signal_handlers();

/// For a child process: the signals end it again.
void restore_default_signals();

/// The strongest request since the last take, which it clears (save_and_stop stays).
StopRequest take_stop_request();
/// The same, but clears nothing: for work inside a step boundary.
StopRequest pending_stop_request();

}  // namespace lambert
