"""JaneLM: your text, your model, your page.

import janelm

run = janelm.load_run("model")
for piece in janelm.generate(run, "Elizabeth", num_tokens=200):
    print(piece, end="")

size, training = janelm.model_preset("lstm", "tiny"), janelm.training_preset("lstm", "tiny")
finished = janelm.train(size, training, "models/mine", text=my_text)
run = finished.run.load()
"""

from .lazy import handed_on
from .version import __version__ as __version__

__getattr__, __all__ = handed_on(
    __name__,
    training="Callback Finished model_preset resume train training_preset",
    runs="LoadedRun Run load_gpt2 load_pair load_run",
    writing="generate",
    config=(
        "CharacterTokenizerConfig DataConfig GPT2Config LSTMConfig SamplingConfig TiktokenTokenizerConfig "
        "TrainingConfig TransformerConfig WordTokenizerConfig"
    ),
    errors="JaneLMError UsageError",
)


def __dir__() -> list[str]:
    """What there is, also for pydoc and for completion, before any of it is imported."""
    return [*__all__, "__version__"]
