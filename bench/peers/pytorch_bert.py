# SPDX-License-Identifier: Apache-2.0
"""Pretraining speed and memory of BERT in PyTorch on this machine: forward and backward, both losses, dropout 0.1.

  eager, compile              Transformers' BertForPreTraining, autocast for bf16 and fp16; compile: torch.compile
  tuned, tuned-compile        the best that PyTorch's own parts give: logits of masked positions only, one product for
                              query, key and value, scaled_dot_product_attention, weights resident in the compute type

With --optimizer every step ends with LAMB on fp32 master weights: foreach over all tensors at once, as torch.optim does
by default, or per-tensor, which takes the least memory.

Usage: pytorch_bert.py SIZE DTYPE MODE [--batch N] [--max-seq-length N] [--mixed-lengths] [--optimizer FORM] [--seconds S]
       [--device auto|cpu|cuda]
SIZE tiny, mini, base, large; DTYPE fp32, bf16, fp16. Prints one JSON object.
"""
import argparse
import contextlib
import json
import resource
import statistics
import time

import torch
from torch import nn
from torch.nn import functional
from transformers import BertForPreTraining

from bert_sizes import SIZES, bert_config
from pytorch_lamb import lamb

DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}
DROPOUT = 0.1


class TunedLayer(nn.Module):
    def __init__(self, config):
        super().__init__()
        hidden = config.hidden_size
        self.heads = config.num_attention_heads
        self.projections = nn.Linear(hidden, 3 * hidden)
        self.attention_output = nn.Linear(hidden, hidden)
        self.attention_norm = nn.LayerNorm(hidden, 1e-12)
        self.intermediate = nn.Linear(hidden, config.intermediate_size)
        self.output = nn.Linear(config.intermediate_size, hidden)
        self.output_norm = nn.LayerNorm(hidden, 1e-12)

    def forward(self, x, attention_mask):
        batch, length, hidden = x.shape
        parts = self.projections(x).view(batch, length, 3, self.heads, hidden // self.heads).permute(2, 0, 3, 1, 4)
        attended = functional.scaled_dot_product_attention(*parts, attn_mask=attention_mask, dropout_p=DROPOUT)
        attended = self.attention_output(attended.transpose(1, 2).reshape(batch, length, hidden))
        x = self.attention_norm(x + functional.dropout(attended, DROPOUT))
        inner = functional.gelu(self.intermediate(x), approximate="tanh")
        return self.output_norm(x + functional.dropout(self.output(inner), DROPOUT))


class TunedBert(nn.Module):
    def __init__(self, config):
        super().__init__()
        hidden = config.hidden_size
        self.words = nn.Embedding(config.vocab_size, hidden)
        self.positions = nn.Embedding(config.max_position_embeddings, hidden)
        self.segments = nn.Embedding(2, hidden)
        self.norm = nn.LayerNorm(hidden, 1e-12)
        self.layers = nn.ModuleList(TunedLayer(config) for _ in range(config.num_hidden_layers))
        self.pooler, self.next_sentence = nn.Linear(hidden, hidden), nn.Linear(hidden, 2)
        self.transform, self.transform_norm = nn.Linear(hidden, hidden), nn.LayerNorm(hidden, 1e-12)
        self.bias = nn.Parameter(torch.zeros(config.vocab_size))
        for module in self.modules():
            if isinstance(module, (nn.Linear, nn.Embedding)):
                nn.init.normal_(module.weight, std=config.initializer_range)

    def forward(self, ids, attention_mask, masked, labels, next_labels):
        x = self.words(ids) + self.positions.weight[:ids.shape[1]] + self.segments.weight[0]
        x = functional.dropout(self.norm(x), DROPOUT)
        for layer in self.layers:
            x = layer(x, attention_mask)
        predictions = x.reshape(-1, x.shape[-1]).index_select(0, masked)
        predictions = self.transform_norm(functional.gelu(self.transform(predictions), approximate="tanh"))
        logits = functional.linear(predictions, self.words.weight, self.bias)
        pooled = torch.tanh(self.pooler(x[:, 0]))
        return (functional.cross_entropy(logits.float(), labels)
                + functional.cross_entropy(self.next_sentence(pooled).float(), next_labels))


class Lamb:
    """The LAMB of pytorch_lamb.py on fp32 master weights."""

    def __init__(self, model, form):
        self.update, self.form, self.steps = lamb, form, 0
        named = list(model.named_parameters())
        self.parameters = [parameter for _, parameter in named]
        self.decayed = [not ("bias" in name or "norm" in name.lower()) for name, _ in named]
        is_fp32 = self.parameters[0].dtype == torch.float32
        self.masters = [p.detach() if is_fp32 else p.detach().float() for p in self.parameters]
        self.first, self.second = ([torch.zeros_like(w) for w in self.masters] for _ in range(2))

    @torch.no_grad()
    def step(self):
        self.steps += 1
        count = len(self.masters)
        for part in [slice(0, count)] if self.form == "foreach" else [slice(i, i + 1) for i in range(count)]:
            gradients = [parameter.grad.float() for parameter in self.parameters[part]]
            self.update(self.masters[part], gradients, self.first[part], self.second[part], self.decayed[part], self.steps)
            torch._foreach_copy_(self.parameters[part], self.masters[part])


def make_step(options):
    config = bert_config(options.size)
    batch, length = options.batch, options.max_seq_length
    lengths = [length * (2 * row + 1) // (2 * batch) if options.mixed_lengths else length for row in range(batch)]
    is_token = torch.arange(length) < torch.tensor(lengths).unsqueeze(1)
    ids = torch.randint(0, config.vocab_size, (batch, length))
    next_labels = torch.arange(batch) % 2  # balanced: untrained weights give every sequence nearly the same logits
    masked = torch.cat([torch.randperm(of_row)[:max(1, 20 * of_row // 128)] + row * length
                        for row, of_row in enumerate(lengths)])
    dtype = DTYPES[options.dtype]
    if options.mode.startswith("tuned"):
        model = TunedBert(config).to(dtype)
        mask = is_token[:, None, None, :] if options.mixed_lengths else None
        arguments, context = (ids, mask, masked, ids.flatten()[masked], next_labels), contextlib.nullcontext
        arguments = tuple(x if x is None else x.to(options.device) for x in arguments)
    else:
        model = BertForPreTraining(config)
        labels = torch.full((batch * length,), -100)
        labels[masked] = ids.flatten()[masked]
        named = {"input_ids": ids, "attention_mask": is_token.long(), "labels": labels.view(batch, length),
                 "next_sentence_label": next_labels}
        arguments = ({name: value.to(options.device) for name, value in named.items()},)
        context = lambda: torch.autocast(options.device, dtype, enabled=options.dtype != "fp32")  # noqa: E731
    model.to(options.device).train()
    optimizer = Lamb(model, options.optimizer) if options.optimizer else None
    called = torch.compile(model) if options.mode.endswith("compile") else model

    def step():
        with context():
            loss = called(*arguments) if options.mode.startswith("tuned") else called(**arguments[0]).loss
        loss.backward()
        if optimizer:
            optimizer.step()
        model.zero_grad(set_to_none=False)
        return float(loss.detach())
    return step, sum(lengths)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("size", choices=SIZES)
    parser.add_argument("dtype", choices=DTYPES)
    parser.add_argument("mode", choices=["eager", "compile", "tuned", "tuned-compile"])
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--max-seq-length", type=int, default=128)
    parser.add_argument("--mixed-lengths", action="store_true", help="evenly spread up to the length, padded")
    parser.add_argument("--optimizer", choices=["foreach", "per-tensor"], nargs="?", const="foreach")
    parser.add_argument("--seconds", type=float, default=15.0)
    parser.add_argument("--device", choices=["auto", "cpu", "cuda"], default="cpu")
    options = parser.parse_args()
    if options.device == "auto":
        options.device = "cuda" if torch.cuda.is_available() else "cpu"
    torch.manual_seed(0)
    step, tokens = make_step(options)
    loss = [step() for _ in range(3)][0]
    times, end = [], time.perf_counter() + options.seconds
    while time.perf_counter() < end or len(times) < 3:
        start = time.perf_counter()
        step()
        times.append(time.perf_counter() - start)
    peak = (torch.cuda.max_memory_allocated() if options.device == "cuda"
            else 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
    print(json.dumps({"mode": options.mode, "model": options.size, "dtype": options.dtype, "batch": options.batch,
                      "tokens": tokens, "threads": torch.get_num_threads(), "steps": len(times), "loss": loss,
                      "tokens_per_second": tokens / statistics.median(times),
                      "peak_memory_bytes": peak}))


if __name__ == "__main__":
    main()
