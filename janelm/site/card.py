"""The picture that a share card shows of the page: its title and the first words of its example, as a PNG."""

from __future__ import annotations

import io
import textwrap
from pathlib import Path
from typing import Any

import matplotlib
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.ft2font import FT2Font

WIDTH, HEIGHT = 1200, 630  # pixels, as those who show such cards ask for
PAPER, INK, MUTED, ACCENT = "#f5f0e6", "#241f1a", "#655b4f", "#8f2f24"  # those of web/style.css
EXAMPLE = 230  # characters, about five lines
FONTS = Path(matplotlib.get_data_path(), "fonts", "ttf")


def card(title: str, example: str) -> bytes:
    """The picture; a text of letters that DejaVu Serif lacks is left out."""
    figure = Figure(figsize=(WIDTH / 100, HEIGHT / 100), dpi=100, facecolor=PAPER)
    FigureCanvasAgg(figure)
    figure.add_artist(matplotlib.patches.Rectangle((0, 0), 0.012, 1, color=ACCENT))
    heading = textwrap.wrap(_drawable(title), 32, max_lines=3, placeholder=" …")
    size, top = (44, 0.86) if len(heading) < 3 else (36, 0.88)
    words = textwrap.wrap(_drawable(" ".join(example.split())[:EXAMPLE]), 58, max_lines=5, placeholder=" …")
    serif, italic = (FontProperties(fname=FONTS / name) for name in ("DejaVuSerif.ttf", "DejaVuSerif-Italic.ttf"))
    plain: dict[str, Any] = {"parse_math": False, "va": "top"}
    figure.text(0.07, top, "\n".join(heading), font=italic, size=size, color=INK, linespacing=1.25, **plain)
    figure.text(0.07, 0.52, "\n".join(words), font=serif, size=22, color=MUTED, linespacing=1.5, **plain)
    figure.text(0.07, 0.1, "A small language model that writes in your browser", font=serif, size=17, color=ACCENT)
    picture = io.BytesIO()
    figure.savefig(picture, format="png", facecolor=PAPER, metadata={"Software": None})
    return picture.getvalue()


def _drawable(text: str) -> str:
    known = FT2Font(str(FONTS / "DejaVuSerif.ttf")).get_charmap()
    return text if all(ord(character) in known for character in text) else ""
