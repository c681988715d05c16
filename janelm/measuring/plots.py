"""The loss picture: training and validation loss of one run or several, against tokens seen and against seconds."""

from __future__ import annotations

from pathlib import Path

from ..machine.files import write_atomically
from ..runs.folder import Run

COLOURS = ("#1f6fb2", "#d1660f", "#2a8a57", "#8a4fa3", "#b3262e", "#5b5b5b")


def plot_losses(runs: list[Run], path: Path) -> None:
    """Write a PNG with two panels that share their axis of bits per byte.

    Raises JaneLMError where a run has no metrics.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from matplotlib.ticker import EngFormatter, StrMethodFormatter

    figure = Figure(figsize=(10, 4.2), layout="constrained")
    FigureCanvasAgg(figure)
    panels = figure.subplots(1, 2, sharey=True)
    curves = [(run, run.metrics()) for run in runs]
    for panel, axis in zip(panels, ("tokens", "seconds"), strict=True):
        for number, (run, rows) in enumerate(curves):
            colour = COLOURS[number % len(COLOURS)]
            x = [row[axis] for row in rows]
            validation = [row["validation_bits_per_byte"] for row in rows]
            training = [row["train_bits_per_byte"] for row in rows]
            best = validation.index(min(validation))
            label = f"{run.name}, validation (best {validation[best]:.3f})"
            panel.plot(x, validation, color=colour, lw=1.8, label=label)
            panel.plot(x, training, color=colour, lw=1.2, ls=(0, (3, 2)), label=f"{run.name}, training")
            panel.plot(x[best], validation[best], "o", color=colour, ms=5)
        panel.spines[["top", "right"]].set_visible(False)
        panel.grid(axis="y", color="#e4e4e4", lw=0.7)
        panel.set_axisbelow(True)
    # The untrained model's loss would squeeze all that matters into a strip at the bottom.
    values = [row[f"{split}_bits_per_byte"] for _, rows in curves for row in rows for split in ("train", "validation")]
    later = [row["validation_bits_per_byte"] for _, rows in curves for row in rows if row["step"] > 0]
    if later:
        low = min(values)
        span = max(later) - low or 1.0
        panels[0].set_ylim(low - 0.05 * span, max(later) + 0.03 * span)
    panels[0].set(xlabel="tokens seen", ylabel="bits per byte")
    panels[0].xaxis.set_major_formatter(EngFormatter(sep=""))
    panels[0].yaxis.set_major_formatter(StrMethodFormatter("{x:.2f}"))
    panels[1].set(xlabel="seconds since the start")
    panels[1].legend(frameon=False, fontsize=9)
    write_atomically(path, lambda temporary: figure.savefig(temporary, dpi=120, format="png"))
