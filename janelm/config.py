"""Every setting, written down once: what it means, its unit and its default.

Shapes in this project are written in capitals: B batch, T time (tokens in a row), D width, H heads, V vocabulary.
"""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, Protocol, TypeVar

from .errors import UsageError

T = TypeVar("T")


@dataclass(frozen=True)
class CharacterTokenizerConfig:
    """One token for each character of the training text."""

    kind: ClassVar[str] = "character"

    def problems(self) -> list[str]:
        return []


# Words with the space before them, runs of digits, runs of other signs, and white space; each letter, digit and sign
# together with the marks and joiners on it, which make one letter with it for whoever reads Hindi, Thai or Hebrew. It
# is also a valid JavaScript regular expression (flag u), because the browser splits text with the very same pattern.
SPLIT_PATTERN = (
    r"'(?:[sdmt]|ll|ve|re)(?!\p{M})| ?\p{L}[\p{L}\p{M}\u200c\u200d]*| ?(?:\p{N}\p{M}*){1,3}"
    r"| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
)


@dataclass(frozen=True)
class TiktokenTokenizerConfig:
    """Byte pairs: a vocabulary trained on the training text, or one of tiktoken's own by name."""

    kind: ClassVar[str] = "tiktoken"

    vocab_size: int = 1024
    """Tokens in a vocabulary that is trained here, the 256 bytes included."""
    encoding: str | None = None
    """A stock encoding such as gpt2, instead of one trained here."""
    pattern: str = SPLIT_PATTERN
    """Regular expression that cuts text into the pieces within which bytes are paired."""

    def problems(self) -> list[str]:
        if self.encoding is None and self.vocab_size < 256:
            return [f"vocab_size is {self.vocab_size}, but bytes alone need 256"]
        return []


TokenizerConfig = CharacterTokenizerConfig | TiktokenTokenizerConfig


@dataclass(frozen=True)
class TransformerConfig:
    """Shape of the decoder-only transformer."""

    kind: ClassVar[str] = "transformer"
    bounded_memory: ClassVar[bool] = True
    """Whether a prediction looks back no further than the context length."""

    context_length: int = 256
    """Tokens that a prediction can look back on."""
    layers: int = 6
    """Blocks, each attention and a feed-forward part."""
    width: int = 256
    """Numbers that stand for a token inside the model."""
    heads: int = 4
    """Attention heads in each block; they divide the width among them."""
    dropout: float = 0.0
    """Probability, on the embedding and on what each block adds; never inside attention."""
    tied: bool = True
    """The head shares the embedding's weights."""
    rotary_base: float = 10_000.0
    """Longest wavelength of the rotary positions, in tokens over 2 pi."""

    def weight_shapes(self, vocab_size: int) -> dict[str, tuple[int, ...]]:
        """What a model of this shape learns: the shapes of its weights by name; tied weights have one name."""
        D = self.width
        shapes: dict[str, tuple[int, ...]] = {"embedding.weight": (vocab_size, D)}
        for i in range(self.layers):
            shapes[f"blocks.{i}.attention.query_key_value.weight"] = (3 * D, D)
            shapes[f"blocks.{i}.attention.output.weight"] = (D, D)
            shapes[f"blocks.{i}.feed_forward.widen.weight"] = (4 * D, D)
            shapes[f"blocks.{i}.feed_forward.output.weight"] = (D, 4 * D)
        return shapes if self.tied else shapes | {"head.weight": (vocab_size, D)}

    def problems(self) -> list[str]:
        found = _shape_problems(self)
        if not _positive(self.rotary_base):
            found.append(f"rotary_base is {self.rotary_base}, but must be a number above 0")
        if self.heads < 1:
            found.append(f"heads is {self.heads}, but must be at least 1")
        elif self.width % (2 * self.heads):
            found.append(
                f"width {self.width} does not divide into {self.heads} heads of an even size "
                f"(a multiple of {2 * self.heads} does)"
            )
        return found


@dataclass(frozen=True)
class LSTMConfig:
    """Shape of the LSTM baseline: embedding, dropout, layers, dropout, linear."""

    kind: ClassVar[str] = "lstm"
    bounded_memory: ClassVar[bool] = False

    context_length: int = 256
    """Tokens in a training window; the state itself has no such limit."""
    layers: int = 2
    """LSTM layers, one on top of the other."""
    width: int = 512
    """Hidden size, and the embedding's."""
    dropout: float = 0.0
    """Probability, on the embedding, between the layers and before the head."""
    locked_dropout: bool = False
    """Dropout takes away the same numbers at all tokens of a window (Gal and Ghahramani 2016), instead of others at
    each."""
    weight_dropout: float = 0.0
    """Probability, on the weights from the hidden state to itself, drawn once for each step (Merity et al. 2018)."""
    tied: bool = True
    """The head shares the embedding's weights."""

    def weight_shapes(self, vocab_size: int) -> dict[str, tuple[int, ...]]:
        """The same for the LSTM: a layer's gates, four times the width, lie one below the other."""
        D = self.width
        shapes: dict[str, tuple[int, ...]] = {"embedding.weight": (vocab_size, D), "head.bias": (vocab_size,)}
        for i in range(self.layers):
            shapes |= {f"lstm.weight_ih_l{i}": (4 * D, D), f"lstm.weight_hh_l{i}": (4 * D, D)}
            shapes |= {f"lstm.bias_ih_l{i}": (4 * D,), f"lstm.bias_hh_l{i}": (4 * D,)}
        return shapes if self.tied else shapes | {"head.weight": (vocab_size, D)}

    def problems(self) -> list[str]:
        found = _shape_problems(self)
        if not 0 <= self.weight_dropout < 1:
            found.append(f"weight_dropout is {self.weight_dropout}, but must be at least 0 and under 1")
        return found


ModelConfig = TransformerConfig | LSTMConfig
MODEL_CONFIGS: dict[str, type[ModelConfig]] = {config.kind: config for config in (TransformerConfig, LSTMConfig)}


def _positive(value: float) -> bool:
    return 0 < value < math.inf


def _shape_problems(config: ModelConfig) -> list[str]:
    found = [
        f"{name} is {getattr(config, name)}, but must be at least {least}"
        for name, least in (("context_length", 2), ("layers", 1), ("width", 1))
        if getattr(config, name) < least
    ]
    if not 0 <= config.dropout < 1:
        found.append(f"dropout is {config.dropout}, but must be at least 0 and under 1")
    return found


@dataclass(frozen=True)
class DataConfig:
    """Which text, and how it is cut up."""

    data: tuple[str, ...] = ("austen",)
    """A corpus by name (austen, bible), files, archives or folders of them; what is read stands in docs/texts.md."""
    documents: Literal["lines", "paragraphs", "whole"] | None = None
    """Train on documents, one to a line, to a paragraph, or each whole post, message, cell or file, instead of windows
    of running text. Posts, chats and tables are whole documents by themselves."""
    running_text: bool = False
    """Read posts, chats and tables as one running text after all."""
    separator: str | None = None
    """What stands between two documents, such as <|endoftext|> or ---; it is not part of them."""
    long_documents: Literal["cut", "drop"] = "cut"
    """What becomes of documents longer than the context: cut into windows that carry on, or left out."""
    titles: Literal["keep", "shorten", "drop"] = "keep"
    """What becomes of a title such as <Genesis> and a tab at the start of a document: kept, Genesis and a tab, or
    the tab alone."""
    align: Literal["left", "right"] = "left"
    """Side on which shorter documents of a batch stand; the rest is padding that counts for nothing."""
    split: Literal["90/5/5", "90/10"] = "90/5/5"
    """Per cent of the text for training, for validation, which steers, and for test, which is read once at the end;
    90/10 has no test, as some published figures have none."""
    split_seed: int = 0
    """Which documents are held out; running text is split by position and needs no seed."""
    text_encoding: str | None = None
    """The encoding of the files, where it is not made out rightly, such as cp1250."""
    author: tuple[str, ...] = ()
    """Of chats and posts, only what these wrote; me is the export's owner where the format knows."""
    speakers: bool = False
    """Put who speaks, and a tab, before each message of a chat, so that a dialogue can be written."""
    column: str | None = None
    """The column or field of a table that is the text, by name or number."""
    replies: bool = True
    """Posts that answer others are read too."""
    retweets: bool = False
    """Retweets are read too."""
    links: bool = False
    """Links stay in posts and messages."""
    keep_frame: bool = False
    """What Project Gutenberg puts around a book stays there."""
    after: str | None = None
    """The text begins where this stands first; it is kept."""
    before: str | None = None
    """The text ends before where this stands last."""
    first: int | None = None
    """Only so many characters of each text, or documents, from its beginning: for quick trials."""
    last: int | None = None
    """Only so many from its end."""
    drop_front_matter: bool = False
    """Leave out what stands before the first chapter."""
    drop_headings: bool = False
    """Leave out headings of chapters."""
    unwrap: bool = False
    """Join lines of fixed width into paragraphs."""
    straighten_quotes: bool = False
    """Write all quotes as ' and "."""
    lower_case: bool = False
    """Write everything in lower case."""
    blank_out: tuple[Literal["email", "phone", "handle", "link", "name"], ...] = ()
    """Write [email] and so on in their place, before a private text becomes a public model; name is the names of those
    who speak in a chat."""
    rules: Literal[1, 2] = 2
    """By which rules text is read: 1 are those of runs made before there were any but plain files, which have no
    normal form and may have the same document in training and held out."""

    def problems(self) -> list[str]:
        found = [] if self.data else ["data names no text: give a file, a folder of files, or a corpus by name"]
        if self.separator is not None and (not self.separator.strip() or self.running_text):
            found.append("separator must be some signs, and parts documents: it does not go with running_text")
        found += [
            f"{name} is {value}, but must be at least 1"
            for name in ("first", "last")
            if (value := getattr(self, name)) is not None and value < 1
        ]
        if self.running_text and self.documents:
            found.append(f"running_text and documents {self.documents} are two ways to read: choose one")
        return found + ([f"split_seed is {self.split_seed}, but must be at least 0"] if self.split_seed < 0 else [])


@dataclass(frozen=True)
class TrainingConfig:
    """How to train. Exactly one of minutes, steps and epochs is the budget."""

    minutes: float | None = None
    """Wall-clock of the whole command, final evaluation included."""
    steps: int | None = None
    """Optimizer steps."""
    epochs: float | None = None
    """Passes over the training text."""
    batch_tokens: int = 4096
    """Tokens in one optimizer step."""
    optimizer: Literal["auto", "muon", "adamw"] = "auto"
    """Muon for the hidden matrices and AdamW for all else, or AdamW for everything; auto takes Muon."""
    learning_rate: float = 0.01
    """Peak for AdamW: the embedding and all that is not a hidden matrix."""
    matrix_learning_rate: float = 0.02
    """Peak for the hidden matrices under Muon; AdamW takes a tenth of it for them."""
    weight_decay: float = 0.1
    """Share of a weight that is taken away each step, times the learning rate; matrices only."""
    warmup_steps: int = 20
    """Steps over which the learning rate climbs to its peak."""
    decay: float = 0.7
    """Last share of the budget, over which the learning rate falls in a line to zero."""
    gradient_clip: float = 1.0
    """Largest norm of the gradient of all weights together; 0 clips nothing."""
    ema: float = 0.0
    """Decay of a moving average of the weights, which is then what is measured and kept; 0 keeps no average."""
    carry_state: bool = False
    """Windows follow one another in the text and hand on the state, which now and then starts afresh; for an LSTM on
    running text."""
    bpe_dropout: float = 0.0
    """Probability with which a byte pair comes undone in a training batch, so that words are met in many spellings; for
    byte pairs that are read many times."""
    teachers: tuple[str, ...] = ()
    """Finished runs on the same text and tokens, whose mean probabilities the model learns along with the text."""
    taught: float = 0.5
    """The share of the loss that is the teachers', where there are any."""
    evaluations: int = 20
    """How many times, evenly over the budget, losses are measured and the run is saved."""
    evaluation_tokens: int = 16_384
    """Tokens of each split that such an evaluation reads, always the same ones."""
    patience: int = 5
    """Evaluations without a better validation loss after which training stops."""
    seed: int = 1
    """Start weights, order of the batches, dropout."""
    device: str = "auto"
    """auto, cpu, cuda or mps."""
    precision: Literal["auto", "fp32", "bf16"] = "auto"
    """Number format of the matrix products; auto takes bf16 where the processor computes in it."""
    compile: Literal["auto", "on", "off"] = "auto"
    """torch.compile: half a minute or more at the start for faster steps; auto weighs the two."""
    shard: bool = False
    """Under torchrun, each process keeps but its share of weights and optimizer state (FSDP2): for large models."""
    overfit_one_batch: bool = False
    """Train on the first batch alone, a check that the machinery can learn at all."""

    def problems(self) -> list[str]:
        found = []
        budgets = {name: getattr(self, name) for name in ("minutes", "steps", "epochs")}
        given = [name for name, value in budgets.items() if value is not None]
        if len(given) != 1:
            found.append(f"the budget must be one of minutes, steps and epochs, not {' and '.join(given) or 'none'}")
        found += [
            f"{name} is {budgets[name]}, but must be a number above 0" for name in given if not _positive(budgets[name])
        ]
        for name, least in (
            ("batch_tokens", 1),
            ("warmup_steps", 0),
            ("evaluations", 1),
            ("evaluation_tokens", 1),
            ("patience", 1),
            ("gradient_clip", 0),
            ("weight_decay", 0),
            ("seed", 0),
        ):
            if not getattr(self, name) >= least:
                found.append(f"{name} is {getattr(self, name)}, but must be at least {least}")
        for name in ("learning_rate", "matrix_learning_rate"):
            if not _positive(getattr(self, name)):
                found.append(f"{name} is {getattr(self, name)}, but must be a number above 0")
        if not 0 <= self.decay <= 1:
            found.append(f"decay is {self.decay}, but must be from 0 to 1")
        if not 0 <= self.ema < 1:
            found.append(f"ema is {self.ema}, but must be from 0 (off) to under 1")
        if not 0 <= self.bpe_dropout < 1:
            found.append(f"bpe_dropout is {self.bpe_dropout}, but must be from 0 (off) to under 1")
        if not 0 <= self.taught <= 1:
            found.append(f"taught is {self.taught}, but must be from 0 to 1")
        if self.bpe_dropout and self.carry_state:
            found.append("bpe_dropout makes windows end early, so that carry_state cannot go on from them")
        return found


@dataclass(frozen=True)
class SamplingConfig:
    """How the next token is drawn from the logits; `sampling.py` gives the exact order of the steps."""

    temperature: float = 0.8
    """Divides the logits: under 1 is safer, over 1 is wilder, 0 always takes the likeliest token."""
    top_k: int = 0
    """Keep the k likeliest tokens; 0 keeps all."""
    top_p: float = 1.0
    """Keep the likeliest tokens that together have this probability; 1 keeps all."""
    min_p: float = 0.0
    """Drop tokens less likely than this share of the likeliest one's probability; 0 drops none."""
    repetition_penalty: float = 1.0
    """Make tokens that have been written less likely; 1 is off, 1.1 is mild."""
    no_repeat_ngram_size: int = 0
    """Never write the same n tokens in a row twice; 0 is off."""
    seed: int = 1
    """Start of the random numbers: the same seed writes the same text."""

    def problems(self) -> list[str]:
        found = []
        if not 0 <= self.temperature < float("inf"):
            found.append(f"temperature is {self.temperature}, but must be 0 or more")
        if self.no_repeat_ngram_size < 0:
            found.append(f"no_repeat_ngram_size is {self.no_repeat_ngram_size}, but must be 0 (off) or more")
        if self.top_k < 0:
            found.append(f"top_k is {self.top_k}, but must be 0 (off) or more")
        if not 0 < self.top_p <= 1:
            found.append(f"top_p is {self.top_p}, but must be above 0 and at most 1 (off)")
        if not 0 <= self.min_p < 1:
            found.append(f"min_p is {self.min_p}, but must be from 0 (off) to under 1")
        if not 0.01 <= self.repetition_penalty <= 100:
            found.append(f"repetition_penalty is {self.repetition_penalty}, but must be from 0.01 to 100 (1 is off)")
        return found


class Config(Protocol):
    """What knows what is wrong with itself."""

    def problems(self) -> list[str]: ...


def check(*configs: Config, also: list[str] | None = None) -> None:
    """Raise one UsageError that names every problem of every config, or return."""
    found = (also or []) + [problem for config in configs for problem in config.problems()]
    if found:
        raise UsageError("; ".join(found))


def to_dict(config: Any) -> dict[str, Any]:
    """A config as plain data for JSON, with its kind where it has one."""
    kind = {"kind": config.kind} if hasattr(config, "kind") else {}
    return kind | dataclasses.asdict(config)


def from_dict(kinds: type[T] | dict[str, type[T]], values: dict[str, Any]) -> T:
    """The inverse of `to_dict`: `kinds` is the dataclass, or dataclasses by kind. Raises UsageError on bad data."""
    values = dict(values)
    kind = values.pop("kind", "")
    if isinstance(kinds, dict) and kind not in kinds:
        raise UsageError(f"the config's kind is {kind!r}, but this version knows {', '.join(sorted(kinds))}")
    target = kinds[kind] if isinstance(kinds, dict) else kinds
    try:
        return target(**{k: tuple(v) if isinstance(v, list) else v for k, v in values.items()})
    except TypeError as error:
        raise UsageError(f"the config does not fit this version ({error})") from error
