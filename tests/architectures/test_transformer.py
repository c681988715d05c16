"""The transformer's parts against worked values and against torch's own."""

import math

import pytest
import torch
import torch.nn.functional as F

from janelm.architectures.transformer import CausalSelfAttention, SlidingCache, rms_norm, rotary_table, rotate, visible
from janelm.config import TransformerConfig

CONFIG = TransformerConfig(context_length=16, layers=1, width=32, heads=4)


def test_attention_equals_torchs_own():
    torch.manual_seed(0)
    attention = CausalSelfAttention(CONFIG)
    x = torch.randn(3, 16, 32)
    table = rotary_table(0, 16, 8, 10_000.0)
    ours = attention(x, table, visible(16, 16, 16, x.device), None)
    q, k, v = (part.view(3, 16, 4, 8).transpose(1, 2) for part in attention.query_key_value(x).split(32, dim=-1))
    q, k = rotate(rms_norm(q), table), rotate(rms_norm(k), table)
    theirs = F.scaled_dot_product_attention(q, k, v, is_causal=True).transpose(1, 2).reshape(3, 16, 32)
    torch.testing.assert_close(ours, attention.output(theirs), atol=1e-5, rtol=1e-5)


def test_rotary_positions_against_worked_values():
    """Size 4, base 10,000: pair 0 turns by one radian per position, pair 1 by 0.01."""
    cosine, sine = rotary_table(0, 4, 4, 10_000.0)
    torch.testing.assert_close(cosine[0], torch.ones(2))
    torch.testing.assert_close(cosine[3], torch.tensor([math.cos(3), math.cos(0.03)]))
    torch.testing.assert_close(sine[2], torch.tensor([math.sin(2), math.sin(0.02)]))
    turned = rotate(torch.tensor([[1.0, 0.0, 0.0, 1.0]]), rotary_table(1, 1, 4, 10_000.0))
    expected = torch.tensor([[math.cos(1), -math.sin(0.01), math.sin(1), math.cos(0.01)]])
    torch.testing.assert_close(turned, expected)


def test_rotary_scores_depend_on_distance_alone_even_at_a_million():
    torch.manual_seed(0)
    q, k = torch.randn(2, 1, 64)
    near = rotate(q, rotary_table(9, 1, 64, 10_000.0)) @ rotate(k, rotary_table(4, 1, 64, 10_000.0)).T
    far = rotate(q, rotary_table(1_000_005, 1, 64, 10_000.0)) @ rotate(k, rotary_table(1_000_000, 1, 64, 10_000.0)).T
    torch.testing.assert_close(near, far, atol=1e-5, rtol=1e-5)


def test_visible_is_a_band_of_the_window():
    seen = visible(2, 5, 3, torch.device("cpu"))
    assert seen.tolist() == [[False, True, True, True, False], [False, False, True, True, True]]


def test_the_cache_keeps_the_window_and_no_more_memory():
    cache = SlidingCache(1, (1, 1, 4, 1), torch.device("cpu"), reach=4)
    held = cache.keys.data_ptr()
    for position in range(50):
        cache.advance(1)
        [(keys, _)] = cache.past(1)
        keys[0, 0, -1] = float(position)
        seen = keys.flatten()[cache.visible(1)[0]]
        assert seen.tolist() == [float(p) for p in range(max(0, position - 3), position + 1)]
    assert cache.keys.data_ptr() == held and cache.position == 50


@pytest.mark.parametrize("chunks", [[4, 4], [1, 3, 2, 4], [2, 1, 1, 1, 4]])
def test_a_chunk_sees_what_its_tokens_see_one_by_one(chunks):
    cache, position = SlidingCache(1, (1, 1, 4, 1), torch.device("cpu"), reach=4), 0
    for count in chunks:
        cache.advance(count)
        [(keys, _)] = cache.past(count)
        keys[0, 0, -count:, 0] = torch.arange(position, position + count)
        for row, last in zip(cache.visible(count), range(position, position + count), strict=True):
            assert keys.flatten()[row].tolist() == [float(p) for p in range(max(0, last - 3), last + 1)]
        position += count


def test_a_chunk_longer_than_the_window_is_refused():
    cache = SlidingCache(1, (1, 1, 4, 1), torch.device("cpu"), reach=4)
    with pytest.raises(ValueError, match="longer than the window"):
        cache.advance(5)


def test_rms_norm_against_worked_values():
    torch.testing.assert_close(rms_norm(torch.tensor([3.0, 4.0])), torch.tensor([3.0, 4.0]) / math.sqrt(12.5))
