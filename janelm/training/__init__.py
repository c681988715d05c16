"""From a text and settings to a finished run: sizes, optimizers, the loop, models that teach, several processes."""

from ..lazy import handed_on

__getattr__, __all__ = handed_on(
    __name__,
    presets="PRESETS choose_preset model_preset training_preset",
    callbacks="Callback",
    optimizers="build_optimizers",
    distillation="Teachers training_loss",
    loop="Trainer TrainingState",
    pipeline="Finished resume train",
)
