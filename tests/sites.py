"""Small runs of text in a file, and what a site of them says of itself."""

from __future__ import annotations

import json
from pathlib import Path

from small import SHAPES, quiet, write_text

from janelm.config import CharacterTokenizerConfig, DataConfig, TiktokenTokenizerConfig, TrainingConfig
from janelm.runs import Run
from janelm.site.folder import SiteOptions
from janelm.training.pipeline import train

TRAINING = TrainingConfig(steps=4, batch_tokens=128, evaluations=2, evaluation_tokens=128, device="cpu", compile="off")
LEAN = SiteOptions(cdn=True)  # so that nothing is fetched


def trained(place: Path, kind: str = "lstm", text: str | None = None, **data: str) -> Run:
    source = place / "my text.txt"
    source.write_text(text or write_text(300), encoding="utf-8")
    tokenizer = TiktokenTokenizerConfig(vocab_size=270) if kind == "transformer" else CharacterTokenizerConfig()
    settings = DataConfig((str(source),), **data)
    return train(SHAPES[kind], TRAINING, place / kind, data=settings, tokenizer=tokenizer, say=quiet).run


def manifest(place: Path) -> dict:
    return json.loads((place / "manifest.json").read_text(encoding="utf-8"))
