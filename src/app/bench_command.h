// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "app/bench_result.h"
#include "app/commands.h"

namespace lambert {

/// Forward and backward of the network on random sequences, dropout 0.1, without an
/// optimizer or with LAMB; beside it the matmul rate of its feed-forward product.
BenchResult bench_train(const BenchOptions& options);
/// Attention of the model's heads, forward and backward, dropout 0.1.
BenchResult bench_attention(const BenchOptions& options);
/// The three products of each kind of linear layer, batch x length rows.
BenchResult bench_matmul(const BenchOptions& options);
/// One LAMB step over the model's parameters; beside it the bandwidth of a copy.
BenchResult bench_lamb(const BenchOptions& options);
/// Lines of a text file to ids on one thread; beside it the rate of looking for line ends alone.
BenchResult bench_tokenize(const BenchOptions& options);
/// Text to a prepared folder with one worker per core; beside it the rate of reading the file.
BenchResult bench_prepare(const BenchOptions& options);
/// Reading, masking and collating of prepared data on one thread.
BenchResult bench_loader(const BenchOptions& options);
/// The ring over all ranks that mpirun started; with a peer, MPI_Allreduce in turn with it. Empty
/// on ranks other than 0.
BenchResult bench_allreduce(const BenchOptions& options);

}  // namespace lambert
