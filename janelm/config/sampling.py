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
    presence_penalty: float = 0.0
    """Taken from the logit of each token that has been written; 0 is off, below 0 favours them."""
    frequency_penalty: float = 0.0
    """Taken from the logit of a token once for each time that it has been written; 0 is off."""
    penalty_window: int = 0
    """How many of the last tokens these penalties and the repetition penalty count; 0 counts all."""
    penalty_slope: float = 0.0
    """How much weaker these penalties are at the far end of the window: 0 is as strong, 1 nearly nothing."""
    penalty_written_only: bool = False
    """These penalties count what is written alone, and not the prompt."""
    dry_multiplier: float = 0.0
    """Against loops (DRY): how much is taken from the logit of a token that would go on repeating a long run; 0 is off,
    0.8 is usual."""
    dry_base: float = 1.75
    """How many times as much DRY takes for each further token that repeats."""
    dry_allowed_length: int = 8
    """Tokens in a row that may repeat before DRY takes anything; whole words want 2, characters some 15."""
    favour: tuple[str, ...] = ()
    """Words to write more often."""
    favour_strength: float = 2.0
    """What a favoured word gains in all, in logits."""
    ban: tuple[str, ...] = ()
    """Words never to write; a longer word may begin so only where one token says more of it."""
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
        for name in ("presence_penalty", "frequency_penalty", "favour_strength"):
            if not -100 <= getattr(self, name) <= 100:
                found.append(f"{name} is {getattr(self, name)}, but must be from -100 to 100 (0 is off)")
        if self.penalty_window < 0:
            found.append(f"penalty_window is {self.penalty_window}, but must be 0 (all) or more")
        if not 0 <= self.penalty_slope <= 1:
            found.append(f"penalty_slope is {self.penalty_slope}, but must be from 0 (off) to 1")
        if self.penalty_slope and not self.penalty_window:
            found.append("penalty_slope is a fall over the window of the penalties: give penalty_window too")
        if not 0 <= self.dry_multiplier <= 100:
            found.append(f"dry_multiplier is {self.dry_multiplier}, but must be from 0 (off) to 100")
        if not 1 <= self.dry_base <= 8:
            found.append(f"dry_base is {self.dry_base}, but must be from 1 to 8")
        if self.dry_allowed_length < 1:
            found.append(f"dry_allowed_length is {self.dry_allowed_length}, but must be at least 1")
        if not all(word.strip() for word in (*self.favour, *self.ban)):
            found.append("a word that is favoured or banned is empty")
        return found
