"""What a training leaves on disk, whole or not at all, and how it is read back safely: a folder, or a pair of files."""

from ..lazy import handed_on

__getattr__, __all__ = handed_on(
    __name__,
    folder="Run find_run load_run sample_run write_sample",
    loaded="LoadedRun RunConfig load_weights weights_of",
    pair="load_pair write_pair",
    huggingface="load_gpt2",
    dataset="dataset_of run_data training_tokens",
)
