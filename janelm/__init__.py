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

__getattr__, __all__ = handed_on(
    __name__,
    training="Callback Finished model_preset resume train training_preset",
    runs="LoadedRun Run load_pair load_run",
    writing="generate",
    config=(
        "CharacterTokenizerConfig DataConfig LSTMConfig SamplingConfig TiktokenTokenizerConfig TrainingConfig "
        "TransformerConfig"
    ),
    errors="JaneLMError UsageError",
)
