// SPDX-License-Identifier: Apache-2.0
#include "checkpoint/model_card.h"

#include "checkpoint/hugging_face_config.h"

namespace lambert {
namespace {

constexpr const char* kHead = R"(---
library_name: transformers
pipeline_tag: fill-mask
tags:
- bert
- pretraining
- lamb
---

# BERT, pretrained with Lambert

Pretrained with masked language modelling and next-sentence prediction. )";

constexpr const char* kQuestionAnsweringHead = R"(---
library_name: transformers
pipeline_tag: question-answering
tags:
- bert
- question-answering
---

# BERT, fine-tuned for question answering with Lambert

Fine-tuned to mark the answer to a question in a paragraph. )";

constexpr const char* kUse = R"(
## Use

```python
from transformers import AutoTokenizer, BertForPreTraining

model = BertForPreTraining.from_pretrained("this-folder")
tokenizer = AutoTokenizer.from_pretrained("this-folder")
```

Fine-tuning classes such as `BertForQuestionAnswering` load the encoder and add a head of their own.
)";

constexpr const char* kQuestionAnsweringUse = R"(
## Use

```python
import torch
from transformers import AutoModelForQuestionAnswering, AutoTokenizer

model = AutoModelForQuestionAnswering.from_pretrained("this-folder")
tokenizer = AutoTokenizer.from_pretrained("this-folder")
question = "Who wrote the book?"
paragraph = "The book was written by Mary Shelley in 1818."
inputs = tokenizer(question, paragraph, return_tensors="pt")
with torch.no_grad():
    outputs = model(**inputs)
start, end = int(outputs.start_logits.argmax()), int(outputs.end_logits.argmax())
answer = tokenizer.decode(inputs["input_ids"][0, start : end + 1])
```
)";

constexpr const char* kCertificate = R"(
## Certificate

`certificate.json` holds the SHA-256 of every file, and Lambert's logits for fixed inputs. `lambert export verify this-folder`
checks it without Python, Lambert's `scripts/verify_export.py this-folder` with Transformers.
)";

constexpr const char* kWordPieceDifferences = R"(
## Where this tokenizer differs from the training one

The training text was cut by the rules of the original BERT tokenizer. Transformers does the same except here:

- Final sigma: the original lower-cases a Greek capital sigma at the end of a word to a final sigma, Transformers to the
  ordinary one.
- Words of 101 to 200 characters: the original cuts words of up to 200 characters into pieces, Transformers makes every
  word of more than 100 characters `[UNK]`.
- Special tokens written in the text (`[MASK]`, `[SEP]` and so on) were ordinary text in training; Transformers turns
  them into the special ids.
- Characters assigned by later versions of Unicode may be classified differently.
)";

constexpr const char* kSentencePieceDifferences = R"(
## Where this tokenizer differs from the training one

The training text was cut by the sentencepiece library; `spiece.model` is that model, unchanged. `tokenizer.json` is a
translation that differs here:

- Normalisation per grapheme: Transformers applies the compiled character map to whole grapheme clusters, sentencepiece to
  the longest matching run of bytes. Text with combining marks may come out differently.
- Special tokens written in the text (`[MASK]`, `[SEP]` and so on) were ordinary text in training; Transformers turns
  them into the special ids.
- White space at the edges is stripped by Unicode's definition, sentencepiece strips what its character map makes a space.

For exactly the training ids use `spiece.model` with the sentencepiece library.
)";

std::string number(double value) {
  std::string text = std::to_string(value);
  text.erase(text.find_last_not_of('0') + 1);
  return text.back() == '.' ? text + "0" : text;
}

std::string table_row(const std::string& name, const std::string& value) {
  return "| " + name + " | " + value + " |\n";
}

}  // namespace

std::string write_model_card(const ModelCardFacts& facts) {
  const ModelConfig& model = facts.model;
  const bool answers_questions = facts.architecture == kQuestionAnsweringArchitecture;
  std::string card = answers_questions ? kQuestionAnsweringHead : kHead;
  card += "Exported from `" + facts.source + "`: " + std::to_string(facts.state.global_step) +
          " optimizer steps, " + std::to_string(facts.state.samples_seen) + " sequences.\n\n";
  card += "| | |\n|---|---|\n";
  card += table_row("layers", std::to_string(model.num_hidden_layers));
  card += table_row("hidden size", std::to_string(model.hidden_size));
  card += table_row("attention heads", std::to_string(model.num_attention_heads));
  card += table_row("intermediate size", std::to_string(model.intermediate_size));
  card +=
      table_row("activation", model.hidden_act == Activation::gelu ? "gelu" : "gelu_new (tanh)");
  card += table_row("dropout", number(model.hidden_dropout_prob));
  card += table_row("vocabulary", std::to_string(model.vocab_size) + " entries, " +
                                      (facts.is_wordpiece ? "WordPiece" : "sentencepiece") +
                                      (facts.cased ? ", cased" : ", uncased"));
  card += table_row("vocabulary hash (XXH3-128)", "`" + facts.vocabulary_hash + "`");
  card += answers_questions ? kQuestionAnsweringUse : kUse;
  card += kCertificate;
  card += facts.is_wordpiece ? kWordPieceDifferences : kSentencePieceDifferences;
  card += "\n## Configuration of the run\n\n```yaml\n" + facts.run_config_yaml + "```\n";
  card +=
      "\n## Limits\n\nThe model repeats the biases of its training text and knows nothing that is "
      "not in it. "
      "The licence of the training text applies to it as well.\n";
  return card;
}

}  // namespace lambert
