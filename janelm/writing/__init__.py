"""From logits to text: the sampler, a text token by token, writing together with a person, and whole books."""

from ..lazy import handed_on

__getattr__, __all__ = handed_on(
    __name__,
    sampling="Random Sampler",
    generation="Limits Piece generate generate_samples",
    interactive="Session",
    books="write_book",
)
