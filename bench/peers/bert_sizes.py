# SPDX-License-Identifier: Apache-2.0
"""The networks of the benchmarks, as `lambert bench --model` names them."""
from transformers import BertConfig

SIZES = {"tiny": (2, 128, 2, 512), "mini": (4, 256, 4, 1024), "base": (12, 768, 12, 3072), "large": (24, 1024, 16, 4096)}


def bert_config(size):
    layers, width, heads, inner = SIZES[size]
    return BertConfig(num_hidden_layers=layers, hidden_size=width, num_attention_heads=heads, intermediate_size=inner,
                      hidden_act="gelu_new")
