# SPDX-License-Identifier: Apache-2.0
"""A random small BERT with inputs, given to Transformers and to the built model_parity program."""
import dataclasses
import pathlib
import subprocess
import tempfile

import numpy
import torch
from safetensors.numpy import load_file, save_file
from transformers import BertConfig, BertForPreTraining

PREDICTIONS = 5


@dataclasses.dataclass(frozen=True)
class Case:
    layers: int
    hidden: int
    heads: int
    inner: int
    vocab: int
    batch: int
    length: int
    act: str
    shortest: float = 0.5  # the shortest row's share of the length; the rest is padding
    dropout: float = 0.0


def make_model(case, seed, rounded_to=torch.float32):
    """In float64, with weights that float32 (or bfloat16, float16) holds exactly. Trained sizes of LayerNorm and biases, not
    the ones and zeros of a fresh model, which would hide a missing term."""
    torch.manual_seed(seed)
    config = BertConfig(
        vocab_size=case.vocab, hidden_size=case.hidden, num_hidden_layers=case.layers, num_attention_heads=case.heads,
        intermediate_size=case.inner, hidden_act=case.act, max_position_embeddings=case.length + 3,
        hidden_dropout_prob=case.dropout, attention_probs_dropout_prob=case.dropout, attn_implementation="eager")
    model = BertForPreTraining(config)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            start = 1.0 if name.endswith("LayerNorm.weight") else 0.0
            parameter.copy_(start + 0.05 * torch.randn_like(parameter))
            parameter.copy_(parameter.to(rounded_to).float())
    return model.double()


def make_inputs(case):
    batch, length = case.batch, case.length
    # Not id 0: Hugging Face's table has padding_idx=0 and drops that row's gradient. With real data it is zero anyway,
    # since [PAD] stands only where nothing looks.
    inputs = {
        "input_ids": torch.randint(1, case.vocab, (batch, length), dtype=torch.int32),
        "token_type_ids": torch.randint(0, 2, (batch, length), dtype=torch.int32),
        "lengths": torch.randint(max(int(case.shortest * length), PREDICTIONS), length + 1, (batch,),
                                 dtype=torch.int32),
        "next_sentence_labels": torch.randint(0, 2, (batch,)),
        "sample_numbers": torch.arange(1000, 1000 + batch),
    }
    inputs["lengths"][0] = length
    rows = [torch.randperm(int(inputs["lengths"][row]))[:PREDICTIONS].sort().values + row * length
            for row in range(batch)]
    inputs["masked_positions"] = torch.cat(rows)
    inputs["masked_labels"] = torch.randint(0, case.vocab, (batch * PREDICTIONS,))
    return inputs


def is_token(inputs):
    """(B, S): true where a position is no padding."""
    length = inputs["input_ids"].shape[1]
    return torch.arange(length) < inputs["lengths"].unsqueeze(1)


def run_theirs(model, inputs):
    """Loss, hidden states and gradients by Transformers."""
    shape = inputs["input_ids"].shape
    labels = torch.full((inputs["input_ids"].numel(),), -100)
    labels[inputs["masked_positions"]] = inputs["masked_labels"]
    model.zero_grad()
    result = model(
        input_ids=inputs["input_ids"].long(), token_type_ids=inputs["token_type_ids"].long(),
        attention_mask=is_token(inputs).long(), labels=labels.view(shape),
        next_sentence_label=inputs["next_sentence_labels"], output_hidden_states=True)
    result.loss.backward()
    gradients = {name: parameter.grad.double().numpy().copy() for name, parameter in model.named_parameters()}
    return result.loss.item(), [state.detach().double().numpy() for state in result.hidden_states], gradients


def without_padding(inputs):
    """The sequences one after the other, as Lambert takes them."""
    real = is_token(inputs)
    place = torch.cumsum(real.flatten(), 0) - 1
    return inputs | {"input_ids": inputs["input_ids"][real], "token_type_ids": inputs["token_type_ids"][real],
                     "masked_positions": place[inputs["masked_positions"]]}


def with_padding(rows, inputs):
    """(T, H) to (B, S, H), zeros at padding."""
    real = is_token(inputs).numpy()
    padded = numpy.zeros((*real.shape, rows.shape[1]), rows.dtype)
    padded[real] = rows
    return padded


def run_ours(program, model, inputs, precision):
    """The tensors that model_parity writes, hidden states padded."""
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        model.config.to_json_file(folder / "config.json", use_diff=False)
        weights = {name: parameter.detach().float().numpy() for name, parameter in model.named_parameters()}
        packed = {name: values.numpy() for name, values in without_padding(inputs).items()}
        save_file(weights | packed, folder / "input.safetensors")
        subprocess.run([program, folder, precision], check=True)
        output = load_file(folder / "output.safetensors")
        return {name: with_padding(values, inputs) if name.startswith("hidden.") else values
                for name, values in output.items()}


def norm(array):
    return float(numpy.linalg.norm(array.ravel()))


def relative_error(ours, theirs):
    return norm(ours.astype(numpy.float64) - theirs) / max(norm(theirs), 1e-300)
