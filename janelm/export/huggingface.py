"""A model as a folder that `transformers` opens with no code of ours, by AutoModelForCausalLM.from_pretrained.

What the architectures are called there stands in runs/nanochat.py and runs/gpt2.py, which also lead back.
"""

from __future__ import annotations

import json
from typing import Any

import numpy as np
from safetensors.numpy import save_file

from ..config import SamplingConfig
from ..errors import JaneLMError, UsageError
from ..machine.files import Contents
from ..runs.huggingface import DIALECTS
from ..runs.loaded import LoadedRun
from ..text.interchange import to_tokenizers, token_names
from ..version import __version__

DTYPES = {"fp32": np.float32, "fp16": np.float16}
MARK = "tokenizer_config.json"  # the file that says that JaneLM wrote the folder


def huggingface_files(run: LoadedRun, precision: str = "fp32") -> Contents:
    """The files of the folder by name, but for a README.

    Raises JaneLMError where `transformers` has no such architecture, and UsageError where `precision` is not fp32 or
    fp16.
    """
    config, tokenizer = run.config.model, run.tokenizer
    if config.kind not in DIALECTS:
        raise JaneLMError(
            f"a model of kind {config.kind} cannot go to transformers, which has none like it: models of kind "
            f"{' and '.join(DIALECTS)} can, and janelm export without --format writes a page, and ONNX, of this one"
        )
    if precision not in DTYPES:
        raise UsageError(f"the precision is {precision!r}, but for this format must be one of {', '.join(DTYPES)}")
    dialect, dtype = DIALECTS[config.kind], DTYPES[precision]
    special = {"bos_token_id": tokenizer.end_token, "eos_token_id": tokenizer.end_token}
    special["pad_token_id"] = tokenizer.pad_token
    theirs = dialect.to_config(config, tokenizer.vocab_size) | special | {"dtype": np.dtype(dtype).name}
    weights = {name: array.astype(dtype) for name, array in dialect.to_weights(config, run.weights).items()}
    contiguous = {name: np.ascontiguousarray(array) for name, array in weights.items()}
    return {
        "config.json": _json(theirs),
        "generation_config.json": _json(_generation(run) | special),
        "model.safetensors": lambda path: save_file(contiguous, path, {"format": "pt"}),
        "tokenizer.json": to_tokenizers(tokenizer).to_str(pretty=True).encode(),
        MARK: _json(_tokenizer_config(run)),
    }


def _generation(run: LoadedRun) -> dict[str, Any]:
    """What `generate` does by default: what JaneLM does."""
    own = SamplingConfig()
    never = [token for token in run.tokenizer.never_written if token != run.tokenizer.end_token]
    return {
        "do_sample": True,
        "temperature": own.temperature,
        "top_k": own.top_k,
        "top_p": own.top_p,
        "suppress_tokens": never or None,
    }


def _tokenizer_config(run: LoadedRun) -> dict[str, Any]:
    tokenizer, names = run.tokenizer, token_names(run.tokenizer)
    special = {"bos_token": tokenizer.end_token, "eos_token": tokenizer.end_token, "pad_token": tokenizer.pad_token}
    special["unk_token"] = tokenizer.unknown_token
    return {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "model_max_length": run.config.model.context_length,
        "clean_up_tokenization_spaces": False,
        **{name: None if token is None else names[token] for name, token in special.items()},
        "janelm": __version__,
    }


def _json(values: dict[str, Any]) -> bytes:
    return (json.dumps(values, indent=1, ensure_ascii=False) + "\n").encode()
