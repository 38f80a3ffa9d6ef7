// SPDX-License-Identifier: Apache-2.0
#include "app/commands.h"
#include "text/train_vocabulary.h"

namespace lambert {

int run_vocab_train(const VocabTrainOptions& options) {
  CorpusOptions corpus;
  corpus.skip_bad_text = options.on_bad_text == "skip";
  train_vocabulary({.type = options.type,
                    .size = options.size,
                    .cased = options.cased,
                    .output = options.output,
                    .text = options.text,
                    .corpus = corpus});
  return 0;
}

}  // namespace lambert
