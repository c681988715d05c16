"""How text is written."""

from __future__ import annotations

from dataclasses import dataclass


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
        """What is wrong with these values, a sentence for each."""
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
