"""What programs may ask, as OpenAI's API has it, and what they are answered: the shapes of the bodies."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

MOST_TOKENS = 65_536  # that one question may ask for
MOST_TEXTS = 16  # prompts in one question, and texts of each
MOST_CHARACTERS = 1 << 20  # of a prompt

Text = Annotated[str, Field(max_length=MOST_CHARACTERS)]
Tokens = Annotated[list[Annotated[int, Field(ge=0, le=1 << 31)]], Field(min_length=1, max_length=MOST_CHARACTERS)]
Some = Field(min_length=1, max_length=MOST_TEXTS)
Prompts = Text | Tokens | Annotated[list[Text], Some] | Annotated[list[Tokens], Some]
Words = Annotated[list[Annotated[str, Field(min_length=1, max_length=200)]], Field(max_length=100)]
Penalty = Annotated[float, Field(ge=-2, le=2)]


class Question(BaseModel):
    """Names that are not known are refused, so that no setting is passed over in silence."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)


class StreamOptions(Question):
    include_usage: bool = False


class CompletionQuestion(Question):
    """Write on after a prompt."""

    model: str = Field(description="Name of a run, as /v1/models lists them.")
    prompt: Prompts = ""
    max_tokens: int | None = Field(16, ge=0, le=MOST_TOKENS)
    temperature: float | None = Field(1.0, ge=0, le=2)
    top_p: float | None = Field(1.0, gt=0, le=1)
    n: int | None = Field(1, ge=1, le=MOST_TEXTS)
    best_of: int | None = Field(None, ge=1, le=MOST_TEXTS, description="Only as many as n.")
    stream: bool | None = False
    stream_options: StreamOptions | None = None
    logprobs: int | None = Field(None, ge=0, le=20)
    echo: bool | None = False
    stop: Annotated[str, Field(min_length=1)] | list[Annotated[str, Field(min_length=1)]] | None = None
    presence_penalty: Penalty | None = 0.0
    frequency_penalty: Penalty | None = 0.0
    logit_bias: dict[str, Annotated[float, Field(ge=-100, le=100)]] | None = Field(None, max_length=1000)
    seed: int | None = Field(None, description="The same seed writes the same text; by default another each time.")
    user: Annotated[str, Field(max_length=200)] | None = None
    suffix: None = Field(None, description="These models cannot write towards an end.")
    top_k: int = Field(0, ge=0, description="JaneLM's own, as all that follow: see janelm write --help-all.")
    min_p: float = Field(0.0, ge=0, lt=1)
    repetition_penalty: float = Field(1.0, ge=0.01, le=100)
    no_repeat_ngram_size: int = Field(0, ge=0, le=1000)
    penalty_window: int = Field(0, ge=0, le=MOST_TOKENS, description="Of repetition_penalty, as the two that follow.")
    penalty_slope: float = Field(0.0, ge=0, le=1)
    penalty_written_only: bool = False
    dry_multiplier: float = Field(0.0, ge=0, le=100)
    dry_base: float = Field(1.75, ge=1, le=8)
    dry_allowed_length: int = Field(8, ge=1, le=1000)
    favour: Words = []
    favour_strength: float = Field(2.0, ge=-100, le=100)
    ban: Words = []


class ScoreQuestion(Question):
    """How well a model expects a text."""

    model: str
    input: Text = Field(min_length=1)
    tokens: bool = Field(False, description="Also tell each token and what it cost.")
    user: Annotated[str, Field(max_length=200)] | None = None


class EmbeddingQuestion(Question):
    """Vectors that stand for texts."""

    model: str
    input: Prompts
    encoding_format: Literal["float", "base64"] = "float"
    dimensions: None = Field(None, description="Vectors have the width of the model.")
    user: Annotated[str, Field(max_length=200)] | None = None


class Problem(BaseModel):
    message: str
    type: str
    param: str | None = None
    code: str | None = None


class ProblemAnswer(BaseModel):
    """Any error."""

    error: Problem


class Usage(BaseModel):
    prompt_tokens: int
    completion_tokens: int = 0
    total_tokens: int


class LogProbabilities(BaseModel):
    tokens: list[str]
    token_logprobs: list[float | None]
    top_logprobs: list[dict[str, float] | None]
    text_offset: list[int]


class Choice(BaseModel):
    index: int
    text: str
    logprobs: LogProbabilities | None = None
    finish_reason: Literal["stop", "length"] | None = None


class Completion(BaseModel):
    """Texts that were written."""

    id: str
    object: Literal["text_completion"] = "text_completion"
    created: int
    model: str
    choices: list[Choice]
    usage: Usage | None = None


class ScoredToken(BaseModel):
    token: int
    text: str
    bits: float


class Score(BaseModel):
    """Bits per byte as `janelm score` counts them, and the tokens where they were asked for."""

    model: str
    bits_per_byte: float
    bits: float
    bytes: int
    usage: Usage
    tokens: list[ScoredToken] | None = None


class Embedding(BaseModel):
    object: Literal["embedding"] = "embedding"
    index: int
    embedding: list[float] | str


class Embeddings(BaseModel):
    """Vectors of length one, in the order of the texts."""

    object: Literal["list"] = "list"
    data: list[Embedding]
    model: str
    usage: Usage


class Model(BaseModel):
    id: str
    object: Literal["model"] = "model"
    created: int
    owned_by: str = "janelm"
    kind: str
    parameters: int
    context_length: int


class Models(BaseModel):
    object: Literal["list"] = "list"
    data: list[Model]


def listed(values: Any) -> list[Any]:
    """The prompts or texts of a question, each a text or tokens."""
    if isinstance(values, str) or (values and isinstance(values[0], int)):
        return [values]
    return list(values)
