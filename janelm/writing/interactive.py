"""Writing together: the model continues, the person retries, undoes, edits the temperature or chooses each token."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import islice
from typing import IO

import numpy as np

from ..config import SamplingConfig, check
from ..engines import Engine
from ..errors import JaneLMError
from ..runs.loaded import LoadedRun
from ..text.tidying import as_trained
from ..text.tokenizers import REPLACEMENT
from .generation import Limits, generate_samples, prompt_tokens
from .sampling import COLD, adjusted, rule_out, weights

HELP = """\
  Enter         continue            r  retry the last part      u  undo it
  n 200         tokens at a time    t 0.7  temperature          s  choose the next token
  + some words  add words of your own                           q  quit
"""
LIKELIEST = 10


class Session:
    """One text that grows part by part. Commands are lines; what each does stands in HELP."""

    def __init__(
        self,
        run: LoadedRun,
        engine: Engine,
        sampling: SamplingConfig,
        prompt: str,
        limits: Limits,
        memory: int | None = None,
    ) -> None:
        """`limits` hold for each part; the first is drawn with the seed of `sampling`, each later one with the next."""
        self.run, self.engine, self.sampling, self.limits, self.memory = run, engine, sampling, limits, memory
        self.parts = [prompt]

    @property
    def text(self) -> str:
        return "".join(self.parts)

    def talk(self, source: IO[str], out: IO[str], keep: Callable[[str], None] = lambda text: None) -> int:
        """Read commands from `source` until q or its end, and write text and answers to `out`; returns 0.

        `keep` is given the whole text after each command.
        """
        out.write(HELP + self.text)
        out.flush()
        while True:
            out.write("\n> ")
            out.flush()
            line = source.readline()
            if not line or line.strip() == "q":
                return 0
            try:
                self.obey(line.rstrip("\n"), source, out)
            except JaneLMError as error:
                out.write(f"{error}\n")
            keep(self.text)

    def obey(self, line: str, source: IO[str], out: IO[str]) -> None:
        """Do what one line says, or say what could be said. Raises UsageError for a number that makes no sense."""
        command, _, rest = line.strip().partition(" ")
        if command in ("", "r"):
            if command == "r" and len(self.parts) > 1:
                self.parts.pop()
            self._continue(out)
        elif command == "u":
            if len(self.parts) > 1:
                self.parts.pop()
            out.write(self.text)
        elif command == "+":
            self.parts.append(line.partition("+ ")[2])
            out.write(self.text)
        elif command == "s":
            self._choose(source, out)
        elif command in ("t", "n"):
            self._set(command, rest)
        else:
            out.write(HELP)

    def _set(self, command: str, value: str) -> None:
        try:
            number = float(value) if command == "t" else int(value)
        except ValueError:
            number = -1
        if command == "t":
            sampling = replace(self.sampling, temperature=number)
            check(sampling)
            self.sampling = sampling
        else:
            limits = replace(self.limits, num_tokens=int(number))
            check(limits)
            self.limits = limits

    def _continue(self, out: IO[str]) -> None:
        """Write the next part; Ctrl-C ends it and keeps what there is."""
        written, sampling = [], self.sampling
        self.sampling = replace(sampling, seed=sampling.seed + 1)
        try:
            for piece in generate_samples(
                self.run, self.text, self.limits, sampling, memory=self.memory, engine=self.engine
            ):
                written.append(piece.text)
                out.write(piece.text)
                out.flush()
        except KeyboardInterrupt:
            pass
        # A character that was only begun would be read back as the mark that stands for it.
        self.parts.append("".join(written).removesuffix(REPLACEMENT))

    def _choose(self, source: IO[str], out: IO[str]) -> None:
        """Show the likeliest next tokens with their probabilities, and append the one that is chosen."""
        tokens, probabilities = self.likeliest()
        for number, (token, probability) in enumerate(zip(tokens, probabilities, strict=True), 1):
            out.write(f"  {number:2}  {probability:6.1%}  {self.run.tokenizer.decode([token])!r}\n")
        out.write("number? ")
        out.flush()
        answer = source.readline().strip()
        if answer.isdecimal() and 1 <= int(answer) <= len(tokens):
            self.parts.append(self.run.tokenizer.decode([tokens[int(answer) - 1]]))
        out.write(self.text)

    def likeliest(self) -> tuple[list[int], list[float]]:
        """The ten likeliest next tokens that are text by themselves, not part of a character nor the end of a document,
        and their probabilities at the temperature that is set (one that acts as 0 counts as 1)."""
        tokenizer = self.run.tokenizer
        text = as_trained(self.text, self.run.config.data)
        context = np.array([tokenizer.started(prompt_tokens(tokenizer, text))], np.int64)
        logits, _ = self.engine.step(context, self.engine.initial_state(1, self.memory))
        logits = adjusted(logits[0], set(), 1.0, tokenizer.never_written)
        rule_out(logits, tokenizer.spelling.barred(b""))
        temperature = 1.0 if self.sampling.temperature < COLD else self.sampling.temperature
        p = weights(logits, SamplingConfig(temperature=temperature))
        texts = ((token, tokenizer.decode([token])) for token in np.argsort(-p, kind="stable").tolist())
        whole = list(islice((token for token, text in texts if text and REPLACEMENT not in text), LIKELIEST))
        return whole, (p[whole] / p.sum()).tolist()
