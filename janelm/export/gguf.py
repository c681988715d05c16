"""A model as the file that llama.cpp reads, and whatever is built on it (Ollama, LM Studio, koboldcpp).

The transformer goes there as Apertus, whose blocks are ours (RMSNorm before each part, normalised queries and keys
turned by halves, no gate), but for three things. Its norms have weights, which are ones here. Its activation is xIELU:
p x^2 + b x for x > 0, else (exp(min(x, e)) - 1 - x) n + b x, with p = softplus(alpha_p) and n = b + softplus(alpha_n);
that is the squared ReLU where b = 0, p = 1 and n = 0. And it has no norm behind the embedding: the table's rows are
normalised beforehand, and the head, which reads them as they were, is kept apart.

llama.cpp cuts a text into pieces by GPT-2's pattern. Ours differs from it in numbers of four and more digits and in
marks on letters: such a text is told in other tokens, of the same bytes.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import regex

from ..config import SamplingConfig
from ..errors import JaneLMError, UsageError
from ..runs.loaded import LoadedRun
from ..runs.nanochat import refuse_bigrams
from ..text.interchange import GPT2_PATTERN, merges_of, token_names
from ..text.tokenizers import TiktokenTokenizer

if TYPE_CHECKING:
    from gguf import GGUFWriter

EPSILON = float(np.finfo(np.float32).eps)  # what F.rms_norm adds under the root
SOFTPLUS_TO_ONE, SOFTPLUS_TO_ZERO = math.log(math.e - 1), -200.0
PRECISIONS = ("fp32", "fp16")
COMMON = "It's 120 of them:\t\"we've said so\", he'll say -- naïve 漢字!\n\n  I'd not, they're  (or so)... \n"
Arrays = dict[str, np.ndarray]


def gguf_writer(run: LoadedRun, precision: str = "fp32", say: Callable[[str], None] = print) -> Callable[[Path], None]:
    """What writes the file whose path it is given.

    Raises JaneLMError where llama.cpp has no such architecture or tokenizer, or the package gguf is missing, and
    UsageError where `precision` is not fp32 or fp16.
    """
    config: Any = run.config.model
    tokenizer = run.tokenizer
    if config.kind not in KINDS:
        raise JaneLMError(
            f"a model of kind {config.kind} cannot go to llama.cpp, which has none like it: models of kind "
            f"{' and '.join(KINDS)} can, and janelm export without --format writes a page, and ONNX, of this one"
        )
    if config.kind == "transformer":
        refuse_bigrams(config)
    if not isinstance(tokenizer, TiktokenTokenizer):
        raise JaneLMError(
            "llama.cpp reads byte pairs alone as tokens: train with --tokenization tiktoken to export there"
        )
    if precision not in PRECISIONS:
        raise UsageError(f"the precision is {precision!r}, but for this format must be one of {', '.join(PRECISIONS)}")
    if regex.findall(tokenizer.config.pattern, COMMON) != regex.findall(GPT2_PATTERN, COMMON):
        say("llama.cpp cuts texts by GPT-2's pattern, not by this model's own: it may read a text in other tokens")
    try:
        import gguf
    except ImportError:
        raise JaneLMError('writing GGUF needs the package gguf: pip install "janelm[gguf]"') from None
    kind = KINDS[config.kind]

    def write(path: Path) -> None:
        writer = gguf.GGUFWriter(path, kind.__name__.strip("_"))
        writer.add_name(run.name)
        writer.add_context_length(config.context_length)
        writer.add_embedding_length(config.width)
        writer.add_feed_forward_length(4 * config.width)
        writer.add_block_count(config.layers)
        writer.add_head_count(config.heads)
        writer.add_file_type(gguf.LlamaFileType.MOSTLY_F16 if precision == "fp16" else gguf.LlamaFileType.ALL_F32)
        arrays = kind(writer, config, run.weights)
        _add_tokenizer(writer, tokenizer)
        for name, array in arrays.items():
            halved = precision == "fp16" and array.ndim > 1 and not name.startswith("position")
            writer.add_tensor(name, np.ascontiguousarray(array, np.float16 if halved else np.float32))
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_tensors_to_file()
        writer.close()

    return write


def _apertus(writer: GGUFWriter, config: Any, weights: Mapping[str, np.ndarray]) -> Arrays:
    L, D, E = config.layers, config.width, config.width // config.heads
    writer.add_head_count_kv(config.heads)
    writer.add_layer_norm_rms_eps(EPSILON)
    writer.add_rope_freq_base(config.rotary_base)
    writer.add_rope_dimension_count(E)
    writer.add_vocab_size(len(weights["embedding.weight"]))
    writer.add_xielu_alpha_p([SOFTPLUS_TO_ONE] * L)
    writer.add_xielu_alpha_n([SOFTPLUS_TO_ZERO] * L)
    writer.add_xielu_beta([0.0] * L)
    writer.add_xielu_eps([-1e-6] * L)
    table = weights["embedding.weight"]
    normed = table / np.sqrt(np.square(table).mean(-1, keepdims=True) + np.float32(EPSILON))
    found = {"token_embd.weight": normed, "output.weight": table if config.tied else weights["head.weight"]}
    found["output_norm.weight"] = np.ones(D, np.float32)
    for i in range(L):
        ones = {"attn_norm": D, "ffn_norm": D, "attn_q_norm": E, "attn_k_norm": E}
        found |= {f"blk.{i}.{name}.weight": np.ones(size, np.float32) for name, size in ones.items()}
        parts = np.split(weights[f"blocks.{i}.attention.query_key_value.weight"], 3)
        found |= {f"blk.{i}.attn_{name}.weight": part for name, part in zip("qkv", parts, strict=True)}
        found[f"blk.{i}.attn_output.weight"] = weights[f"blocks.{i}.attention.output.weight"]
        found[f"blk.{i}.ffn_up.weight"] = weights[f"blocks.{i}.feed_forward.widen.weight"]
        found[f"blk.{i}.ffn_down.weight"] = weights[f"blocks.{i}.feed_forward.output.weight"]
    return found


def _gpt2(writer: GGUFWriter, config: Any, weights: Mapping[str, np.ndarray]) -> Arrays:
    """llama.cpp's own; of text beyond the last position it shifts what it has, where JaneLM reads half of it again."""
    writer.add_layer_norm_eps(config.epsilon)
    names = {"embedding": "token_embd", "positions": "position_embd", "norm": "output_norm", "head": "output"}
    parts = {"attention_norm": "attn_norm", "feed_forward_norm": "ffn_norm"}
    parts |= {"attention.query_key_value": "attn_qkv", "attention.output": "attn_output"}
    parts |= {"feed_forward.widen": "ffn_up", "feed_forward.output": "ffn_down"}
    for i in range(config.layers):
        names |= {f"blocks.{i}.{ours}": f"blk.{i}.{theirs}" for ours, theirs in parts.items()}
    found = {}
    for name, array in weights.items():
        module, _, part = name.rpartition(".")
        found[f"{names[module]}.{part}"] = array
    return found


KINDS: dict[str, Callable[[GGUFWriter, Any, Mapping[str, np.ndarray]], Arrays]] = {
    "transformer": _apertus,
    "gpt2": _gpt2,
}


def _add_tokenizer(writer: GGUFWriter, tokenizer: TiktokenTokenizer) -> None:
    import gguf

    names, size = token_names(tokenizer), len(tokenizer.ranks)
    normal, control = gguf.TokenType.NORMAL, gguf.TokenType.CONTROL
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("gpt-2")
    writer.add_token_list(names)
    writer.add_token_types([normal if token < size else control for token in range(len(names))])
    writer.add_token_merges([" ".join(pair) for pair in merges_of(tokenizer, names)])
    # llama.cpp ends a text at its end token, and takes number 11 where none is named. Running text has none: then it is
    # one that no text can hold.
    end = tokenizer.end_token
    writer.add_eos_token_id((tokenizer.never_written or [0])[-1] if end is None else end)
    writer.add_bos_token_id((tokenizer.never_written or [0])[-1] if end is None else end)
    writer.add_add_bos_token(end is not None)
    writer.add_add_eos_token(False)
    writer.add_add_space_prefix(False)
    if tokenizer.pad_token is not None:
        writer.add_pad_token_id(tokenizer.pad_token)


def modelfile(run: LoadedRun, file: str) -> str:
    """What `ollama create` reads, for a GGUF beside it of this name: a text goes on as it is, drawn as JaneLM draws."""
    own = SamplingConfig()
    lines = [
        "# written by JaneLM; ollama create NAME -f Modelfile",
        f"FROM ./{file}",
        "TEMPLATE {{ .Prompt }}",
        f"PARAMETER num_ctx {run.config.model.context_length}",
        f"PARAMETER temperature {own.temperature}",
        f"PARAMETER top_k {own.top_k}",
        f"PARAMETER top_p {own.top_p}",
        f"PARAMETER min_p {own.min_p}",
        f"PARAMETER repeat_penalty {own.repetition_penalty}",
    ]
    return "\n".join(lines) + "\n"
