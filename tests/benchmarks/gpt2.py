"""The peer of the page: a GPT-2 with random weights, as files that transformers.js loads."""

from __future__ import annotations

import json
import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import onnx
import torch
from onnxruntime.quantization import quantize_dynamic
from torch import Tensor, nn
from transformers import DynamicCache, GPT2Config, GPT2LMHeadModel

from janelm.config import TransformerConfig


class WithCache(nn.Module):
    """GPT-2 as one step: tokens and all keys and values so far -> logits, and all keys and values again."""

    def __init__(self, model: GPT2LMHeadModel) -> None:
        super().__init__()
        self.model = model

    def forward(self, tokens: Tensor, attention_mask: Tensor, positions: Tensor, *past: Tensor) -> tuple[Tensor, ...]:
        """tokens and positions (B, T), attention_mask (B, S), past: for each layer keys and values (B, H, S - T, E)."""
        cache = DynamicCache()
        for layer in range(len(past) // 2):
            cache.update(past[2 * layer], past[2 * layer + 1], layer)
        keys = torch.arange(attention_mask.size(1))
        seen = (keys <= positions[:, None, :, None]) & (attention_mask[:, None, None] > 0)
        mask = torch.where(seen, 0.0, torch.finfo(torch.float32).min)
        logits = self.model(tokens, attention_mask=mask, position_ids=positions, past_key_values=cache).logits
        return logits, *(rows for layer in cache.layers for rows in (layer.keys, layer.values))


def write_gpt2(folder: Path, shape: TransformerConfig, vocab_size: int) -> None:
    """Write config.json and the ONNX files (fp32, and int8 as "quantized") of a GPT-2 of this shape into `folder`."""
    config = GPT2Config(
        vocab_size=vocab_size, n_positions=1024, n_embd=shape.width, n_layer=shape.layers, n_head=shape.heads,
        bos_token_id=0, eos_token_id=None, attn_implementation="eager",
    )  # fmt: skip
    B, T, P, H, E = 2, 3, 5, shape.heads, shape.width // shape.heads
    kinds = [f"{layer}.{kind}" for layer in range(shape.layers) for kind in ("key", "value")]
    inputs = ["input_ids", "attention_mask", "position_ids", *(f"past_key_values.{kind}" for kind in kinds)]
    outputs = ["logits", *(f"present.{kind}" for kind in kinds)]
    integers = [torch.zeros(B, T).long(), torch.ones(B, P + T).long(), torch.arange(P, P + T).repeat(B, 1)]
    past = [torch.zeros(B, H, P, E) for _ in kinds]
    axes = {name: {0: "batch", 1: "time"} for name in ("input_ids", "position_ids", "logits")}
    axes |= {"attention_mask": {0: "batch", 1: "all"}}
    axes |= {name: {0: "batch", 2: "past" if name in inputs else "all"} for name in inputs[3:] + outputs[1:]}
    (folder / "onnx").mkdir(parents=True)
    path = folder / "onnx/model.onnx"
    with _quietly(), torch.no_grad():
        torch.onnx.export(
            WithCache(GPT2LMHeadModel(config)).eval(), (*integers, *past), path, input_names=inputs,
            output_names=outputs, dynamic_axes=axes, opset_version=17, dynamo=False, verbose=False,
        )  # fmt: skip
        onnx.checker.check_model(onnx.load(path))
        quantize_dynamic(path, folder / "onnx/model_quantized.onnx", per_channel=True)
    (folder / "config.json").write_text(json.dumps(config.to_dict() | {"architectures": ["GPT2LMHeadModel"]}))
    (folder / "generation_config.json").write_text("{}")


@contextmanager
def _quietly() -> Iterator[None]:
    """Without the remarks that exporter and quantiser address to their own authors."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)
