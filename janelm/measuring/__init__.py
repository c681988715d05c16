"""How good a model is: held-out losses, bits per byte of any text, what is copied from the training text, and the
pictures, tables and cards that show it."""

from ..lazy import handed_on

__getattr__, __all__ = handed_on(
    __name__,
    evaluation="Losses carried_losses cold_losses final_losses summary",
    scoring="DynamicReader Reader score",
    overlap="TokenIndex longest_passages",
    comparison="table unfairness",
    plots="plot_losses",
    cards="model_card",
)
