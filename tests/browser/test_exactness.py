"""The page's engine against Python: the same tokens and the same numbers."""

from __future__ import annotations

import math
import random
from dataclasses import asdict
from functools import cache

import numpy as np
import onnx
import pytest
from small import write_text

from browser.engine_site import (
    BOTH,
    KINDS,
    answer,
    model_run,
    module,
    open_engine,
    options,
    python_logits,
    python_tokens,
    sampling,
    site_models,
    tokens,
    with_all_models,
    write,
)
from janelm.config import SamplingConfig
from janelm.engines import OnnxEngine, TorchEngine
from janelm.export.graphs import read_description, read_tokenizer
from janelm.measuring.evaluation import Losses
from janelm.measuring.scoring import Block, Reader, score
from janelm.text.tokenizers import (
    UNKNOWN_CHARACTER_BITS,
)
from janelm.writing.generation import Limits, generate_samples
from janelm.writing.sampling import adjusted, weights


@pytest.fixture(scope="module", params=["engine_address", "onnx_engine_address"], ids=["native", "onnxruntime"])
def engine(browser, request):
    """A page whose engine has every model loaded, with either runtime."""
    yield from with_all_models(browser, request.getfixturevalue(request.param))


@KINDS
@BOTH
def test_logits_agree_with_pytorch_and_onnx_runtime(engine, kind, tokenizer):
    """In chunks and token by token, up to many times the context of 16 tokens."""
    run, graph = model_run(kind, tokenizer)
    references = [TorchEngine(run.model), OnnxEngine(graph, threads=1)]
    for length in (0, 1, 2, 15, 16, 17, 100, 700):
        text = write_text(30)[:length]
        expected = [python_logits(reference, run.tokenizer, text) for reference in references]
        for start in (0, length):
            ours = answer(
                engine,
                """async (name, text, from) => {
                    engine.read(name, "Nobody");  // something else, so that the text is read anew
                    const { logits } = await engine.read(name, text, { from });
                    return Array.from(logits);
                }""",
                f"{kind}-{tokenizer}",
                text,
                start,
            )
            for logits in expected:
                np.testing.assert_allclose(ours, logits, atol=1e-4)


THREE = sampling(temperature=1.3, top_p=0.9, repetition_penalty=1.2, seed=7)


@cache  # for both of the page's runtimes
def _written_in_python(kind: str, tokenizer: str) -> list:
    run, graph = model_run(kind, tokenizer)
    engines = (TorchEngine(run.model), OnnxEngine(graph, threads=1))
    return [python_tokens(run, engine, "The miller", 500, THREE) for engine in engines]


@KINDS
@BOTH
def test_the_same_seed_writes_the_same_500_tokens_in_all_three(engine, kind, tokenizer):
    ours = write(engine, f"{kind}-{tokenizer}", "The miller", 500, THREE)
    assert [(tokens(ours), ours["text"])] * 2 == _written_in_python(kind, tokenizer)


@KINDS
@BOTH
def test_int8_weights_write_what_they_write_in_python(engine, kind, tokenizer):
    """They compute as full precision does, so that a link replays its text in any engine."""
    name = f"{kind}-{tokenizer}-int8-weights"
    run, graph = site_models()[name]
    theirs = python_tokens(run, OnnxEngine(graph, threads=1), "The miller", 500, sampling())
    assert tokens(write(engine, name, "The miller", 500, sampling())) == theirs[0]


@pytest.mark.parametrize(
    "settings", [{"temperature": 0}, {"top_k": 5}, {"min_p": 0.05}, {"no_repeat_ngram_size": 3}, {"seed": 2**32 + 5}]
)
def test_every_setting_writes_what_python_writes(engine, settings):
    run, graph = model_run("transformer", "character")
    settings = sampling(**settings)
    theirs = python_tokens(run, OnnxEngine(graph, threads=1), "A", 200, settings)
    assert tokens(write(engine, "transformer-character", "A", 200, settings)) == theirs[0]


@pytest.mark.parametrize("memory", [1, 5, 14, 1000])
def test_a_shorter_memory_writes_what_python_writes(engine, memory):
    run, graph = model_run("transformer", "tiktoken")
    prompt = write_text(5)
    theirs = python_tokens(run, OnnxEngine(graph, threads=1), prompt, 100, sampling(), memory=memory)
    assert tokens(write(engine, "transformer-tiktoken", prompt, 100, sampling(), memory=memory)) == theirs[0]


@KINDS
def test_a_text_of_many_chunks_and_an_empty_one_start_as_in_python(engine, kind):
    run, graph = model_run(kind, "character")
    for prompt in ("", write_text(40)):
        theirs = python_tokens(run, OnnxEngine(graph, threads=1), prompt, 50, sampling())
        assert tokens(write(engine, f"{kind}-character", prompt, 50, sampling())) == theirs[0]


@pytest.mark.parametrize("stop", [["e"], ["zz", "the l"], ["o", "of"], [" a", "\n"]])
def test_a_stop_text_ends_the_writing_as_in_python(engine, stop):
    for name in ("lstm-character", "lstm-tiktoken"):
        run, graph = model_run(*name.split("-"))
        theirs = python_tokens(run, OnnxEngine(graph, threads=1), "The", 400, sampling(seed=3), stop=stop)
        ours = write(engine, name, "The", 400, sampling(seed=3), stop=stop)
        assert ours["text"] == theirs[1] and ours["summary"]["tokens"] == len(theirs[0])
        ended = len(theirs[0]) < 400
        assert ours["summary"]["reason"] == ("stop text" if ended else "length")
        assert all(info["start"] < 3 + len(utf16(ours["text"])) for info in ours["tokens"])


def test_a_document_ends_where_the_model_ends_it(engine):
    run, graph = model_run("lstm", "character", documents=True)
    settings = sampling(temperature=1.5, seed=4)
    theirs = python_tokens(run, OnnxEngine(graph, threads=1), "The", 2000, settings)
    ours = write(engine, "documents", "The", 2000, settings)
    assert (tokens(ours), ours["text"]) == theirs
    assert ours["summary"]["reason"] == "end of document" and tokens(ours)[-1] == run.tokenizer.end_token


START_OF_A_DOCUMENT = """async ([folder, options]) => {
    const { write } = await import(new URL(`${folder}generation.js`, location.href));
    const { tokenizerFromJSON } = await import(new URL(`${folder}tokenizer.js`, location.href));
    const tokenizer = tokenizerFromJSON(engine.entry("documents").description.tokenizer);
    const logits = new Float32Array(tokenizer.vocabSize);
    [logits[tokenizer.endToken], logits[0]] = [2, 1.9];
    const context = { model: { tokenizer, lastRun: 0 }, logits, follow: async function* () {}, read: async () => {} };
    context.several = () => [context];
    const task = write(context, { of: () => ({ bits: 0, top: [] }) }, options, { stopped: false });
    for (;;) {
        const { done, value } = await task.next(0);
        if (done) return value[0].reason;
    }
}"""


def test_the_start_of_a_document_does_not_count_as_written(engine):
    """It is the token that ends one: a penalty for it would make the first document too long."""
    settings = sampling(temperature=0, repetition_penalty=1.5)
    reason = engine.evaluate(START_OF_A_DOCUMENT, [module(engine, ""), options("The", sampling=settings)])
    assert reason == "end of document"


def test_characters_that_the_model_does_not_know(engine):
    run, graph = model_run("lstm", "character")
    theirs = python_tokens(run, OnnxEngine(graph, threads=1), "The ☃ 😀 x", 50, sampling())
    ours = write(engine, "lstm-character", "The ☃ 😀 x", 50, sampling())
    assert tokens(ours) == theirs[0]
    assert ours["tokens"][0]["start"] == len(utf16("The ☃ 😀 x"))
    unknown = "engine.unknownCharacters('lstm-character', 'The ☃ 😀 ☃')"
    assert engine.evaluate(unknown) == ["☃", "😀"]
    failure = engine.evaluate("options => fails(write('lstm-character', options))", options("☃😀"))
    assert failure["kind"] == "usage" and "knows none of the characters" in failure["message"]


def utf16(text: str) -> list[int]:
    """The text as the units that JavaScript counts."""
    return np.frombuffer(text.encode("utf-16-le"), np.uint16).tolist()


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"num_tokens": 0}, "number of tokens"),
        ({"stop": [""]}, "stop text"),
        ({"memory": 0}, "memory"),
        ({"sampling": sampling(temperature=-1)}, "temperature"),
        ({"sampling": sampling(top_p=0)}, "top-p"),
        ({"sampling": sampling(top_k=-1)}, "top-k"),
        ({"sampling": sampling(min_p=1)}, "min-p"),
        ({"sampling": sampling(repetition_penalty=0)}, "repetition penalty"),
        ({"sampling": sampling(no_repeat_ngram_size=-1)}, "n-grams"),
        ({"sampling": sampling() | {"seed": 0.5}}, "seed"),
    ],
)
def test_settings_that_make_no_sense_are_named(engine, change, word):
    failure = engine.evaluate("options => fails(write('lstm-character', options))", options("A", **change))
    assert failure["kind"] == "usage" and word in failure["message"]


@KINDS
@BOTH
def test_int8_agrees_with_onnx_runtime_in_python(onnx_engine, kind, tokenizer):
    """To the last bits, until a number that is quantised on the way falls on the other side of a boundary between two
    integers. From there on both err, each by less than int8 itself does."""
    name = f"{kind}-{tokenizer}"
    run, graph = site_models()[f"{name}-int8"]
    exact, full = OnnxEngine(graph, threads=1), OnnxEngine(model_run(kind, tokenizer)[1], threads=1)
    differences, errors = [], []
    for seed in range(6):
        text = write_text(30, seed=seed)[seed : seed + 30]
        ours = answer(onnx_engine, STEPS, f"{name}-int8", text)
        state, true_state = exact.initial_state(1), full.initial_state(1)
        for token, step in zip(run.tokenizer.encode(text).tolist(), ours, strict=True):
            logits, state = exact.step(np.array([[token]]), state)
            true, true_state = full.step(np.array([[token]]), true_state)
            differences.append(np.abs(logits[0] - step).max())
            errors.append(np.abs(logits - true).max())
    if kind == "lstm":
        assert max(differences) < 1e-5
    assert np.mean(np.array(differences) < 1e-5) > 0.3
    assert max(differences) < max(errors)


STEPS = """async (name, text) => {
    const steps = [];
    await engine.read(name, "Nobody");
    for (const { end } of engine.tokens(name, text)) {
        const { logits } = await engine.read(name, text.slice(0, end), { from: end });
        steps.push(Array.from(logits));
    }
    return steps;
}"""


@KINDS
@BOTH
def test_bits_per_byte_are_those_of_python(engine, kind, tokenizer):
    _, graph = model_run(kind, tokenizer)
    text = write_text(12, seed=5).strip() + " ☃"
    ours = answer(engine, "(name, text) => engine.score(name, text)", f"{kind}-{tokenizer}", text)
    assert ours["bytes"] == len(text.encode())
    assert ours["bitsPerByte"] == pytest.approx(python_bits(graph, text) / ours["bytes"], abs=1e-3)


def test_trained_models_have_the_bits_per_byte_of_python(browser, site, address):
    """With the precision that a site has unless asked otherwise."""
    page = browser.new_page()
    open_engine(page, address)
    text = write_text(12, seed=5)
    for entry in page.evaluate("manifest.models"):
        scores = "async ([name, text]) => { await engine.load(name); return engine.score(name, text); }"
        ours = page.evaluate(scores, [entry["name"], text])
        expected = python_bits(onnx.load(site / entry["file"]), text) / len(text.encode())
        assert ours["bitsPerByte"] == pytest.approx(expected, abs=1e-3)
    page.close()


def python_bits(graph, text: str) -> float:
    """What a graph makes of a text token by token, in bits, as `janelm score` counts them."""
    reference, tokenizer = OnnxEngine(graph, threads=1), read_tokenizer(read_description(graph))
    bits, state, previous = 0.0, reference.initial_state(1), tokenizer.started([])[0]
    for token in tokenizer.encode(text).tolist():
        logits, state = reference.step(np.array([[previous]]), state)
        logits = logits[0].astype(np.float64)
        bits += (np.log(np.exp(logits - logits.max()).sum()) + logits.max() - logits[token]) / math.log(2)
        bits += UNKNOWN_CHARACTER_BITS if token == tokenizer.unknown_token else 0
        previous = token
    return bits


def test_a_score_is_that_of_the_command(engine):
    run, _ = model_run("transformer", "tiktoken")
    text = write_text(12, seed=6) + "\n\nThe end"
    for typed in (text[:-7], text, text + " of it", text[:40]):  # what is still there is not read again
        losses = Losses()
        block = Block(run.tokenizer.encode(typed), len(typed.encode()))
        list(score([Reader(run.model)], run.tokenizer, [block], losses))
        ours = answer(engine, "text => engine.score('transformer-tiktoken', text)", typed)
        assert ours["tokens"] == losses.tokens
        assert ours["bitsPerByte"] == pytest.approx(losses.bits_per_byte, abs=1e-4)
    assert engine.evaluate("() => fails(engine.score('transformer-tiktoken', ''))")["kind"] == "usage"


def test_what_is_left_at_the_end_comes_out_as_in_python(engine):
    """A character that is not whole, and what might have become a stop text."""
    run, graph = model_run("lstm", "tiktoken")
    settings = sampling(temperature=3, seed=5)
    for count in range(1, 25):
        text = python_tokens(run, OnnxEngine(graph, threads=1), "The", count, settings)[1]
        for stop in ([], [text[-1:] + "and more"]):
            assert write(engine, "lstm-tiktoken", "The", count, settings, stop=stop)["text"] == text


def test_rotary_angles_are_exact_after_a_million_tokens(engine):
    """In float32 they would be off by a tenth of a radian there."""
    _, graph = model_run("transformer", "character")
    rotates = """async ([path, name]) => {
        const { initialState } = await import(new URL(path, location.href));
        const description = manifest.models.find(model => model.name === name).description;
        const tensor = (type, dims) => {
            const resize = function (dims) {
                const Numbers = type === "int64" ? BigInt64Array : Float32Array;
                Object.assign(this, { dims, data: new Numbers(dims.reduce((a, b) => a * b, 1)) });
            };
            const made = { resize };
            made.resize(dims);
            return made;
        };
        const state = initialState({ tensor }, description);
        state.position = 1_000_000;
        return [1, 3].map(count => {
            const { cosine, sine } = state.inputs(count);
            return [cosine, sine].map(({ data }) => Array.from(data));
        });
    }"""
    found = engine.evaluate(rotates, [module(engine, "ring.js"), "transformer-character"])
    engine = OnnxEngine(graph, threads=1)
    state = engine.initial_state(1)
    state.position = 1_000_000
    for count, turns in zip((1, 3), found, strict=True):
        expected = engine._where(state, 1, count)
        np.testing.assert_allclose(turns, [expected[name].ravel() for name in ("cosine", "sine")], atol=1e-7)


def test_bits_and_alternatives_are_those_of_the_logits(engine):
    run, graph = model_run("lstm", "character")
    text = "The miller, my ☃ aunt."
    reading = answer(engine, "text => engine.read('lstm-character', text, { alternatives: 4 })", text)
    assert [text[info["start"] : info["end"]] for info in reading["tokens"]] == list(text)
    reference, before = OnnxEngine(graph, threads=1), "\n"
    for place, info in enumerate(reading["tokens"]):
        logits = python_logits(reference, run.tokenizer, before).astype(np.float64)
        shares = np.exp(logits - logits.max())
        assert info["bits"] == pytest.approx(-np.log2(shares[info["token"]] / shares.sum()), abs=1e-3)
        shares[run.tokenizer.unknown_token] = 0
        best = np.argsort(-shares, kind="stable")[:4]
        assert [top["token"] for top in info["top"]] == best.tolist()
        assert [top["text"] for top in info["top"]] == [run.tokenizer.decode([token]) for token in best]
        shown = [top["probability"] for top in info["top"]]
        np.testing.assert_allclose(shown, shares[best] / shares.sum(), atol=1e-4)
        before = text[: place + 1]


def test_reading_from_the_middle_tells_the_same_of_the_rest(engine):
    reads = """async (text, from) => {
        const all = await engine.read("transformer-tiktoken", text);
        engine.read("transformer-tiktoken", "Nobody");
        const rest = await engine.read("transformer-tiktoken", text, { from });
        return [all.tokens.filter(info => info.start >= from), rest.tokens];
    }"""
    whole, rest = answer(engine, reads, write_text(20), 300)
    assert [info["token"] for info in rest] == [info["token"] for info in whole] and len(rest) > 5
    np.testing.assert_allclose([info["bits"] for info in rest], [info["bits"] for info in whole], atol=1e-3)


def test_written_tokens_cover_the_text_that_was_written(engine):
    """Also where a token is half a character, and where the last characters never became whole."""
    for name in ("lstm-tiktoken", "transformer-character"):
        ours = write(engine, name, "The é", 300, sampling(temperature=2), alternatives=2)
        spans = [(info["start"], info["end"]) for info in ours["tokens"]]
        assert spans[0][0] == 5 and spans[-1][1] == 5 + len(utf16(ours["text"]))
        assert [end for _, end in spans[:-1]] == [start for start, _ in spans[1:]]
        assert all(len(info["top"]) == 2 and info["bits"] >= 0 for info in ours["tokens"])


@pytest.mark.parametrize(
    "settings",
    [{}, {"top_k": 3}, {"top_p": 0.7}, {"min_p": 0.1}, {"repetition_penalty": 1.5}, {"no_repeat_ngram_size": 2}],
)
def test_bars_show_the_probabilities_of_the_draw(engine, settings):
    """A token that was written twice is penalised once, and a repeated pair is ruled out."""
    run, _ = model_run("lstm", "character")
    logits = np.random.default_rng(0).normal(size=run.tokenizer.vocab_size).astype(np.float32)
    written = [1, int(logits.argmax()), 1]
    config = SamplingConfig(temperature=0.7, **settings)
    bars = "([logits, settings, written]) => Array.from("
    bars += "engine.probabilities('lstm-character', Float32Array.from(logits), settings, written))"
    ours = engine.evaluate(bars, [logits.tolist(), asdict(config), written])
    expected = adjusted(logits, set(written), config.repetition_penalty, run.tokenizer.never_written)
    if config.no_repeat_ngram_size:
        expected[written[1]] = -np.inf
    p = weights(expected, config)
    np.testing.assert_allclose(ours, p / p.sum(), atol=1e-9)
    assert [share == 0 for share in ours] == (p == 0).tolist()
    greedy = engine.evaluate(bars, [logits.tolist(), asdict(config) | {"temperature": 0}, written])
    assert greedy == np.eye(len(p))[p.argmax()].tolist()


@pytest.mark.parametrize("length", [1, 10, 16, 60])
def test_attention_is_what_the_graph_computes(engine, length):
    """Each row in the order of the text, whatever the order of the slots, also right after writing."""
    run, graph = model_run("transformer", "character")
    text = write_text(5)[:length]
    looks = """async text => {
        const look = async () => {
            const { spans, heads, attention } = await engine.look("transformer-character", text);
            return { spans, heads, attention: attention.map(layer => Array.from(layer)) };
        };
        engine.read("transformer-character", "Nobody");
        await engine.read("transformer-character", text);
        return [await look(), await look()];
    }"""
    kept, again = engine.evaluate(looks, text)
    positions = range(max(0, length - 16), length)
    expected = _attention(graph, run.tokenizer.encode(text))
    for found in (kept, again):
        assert [span["start"] for span in found["spans"]] == list(positions)
        for layer, rows in zip(expected, found["attention"], strict=True):
            rows = np.reshape(rows, (found["heads"], -1))
            np.testing.assert_allclose(rows.sum(axis=1), 1, atol=1e-5)
            np.testing.assert_allclose(rows, layer, atol=1e-4)


def _attention(graph, text: np.ndarray) -> list[np.ndarray]:
    """Each layer's weights (H, positions) of the last token, from one run of the graph over the last step."""
    reference = OnnxEngine(graph, threads=1)
    state = reference.initial_state(1)
    if len(text) > 1:
        _, state = reference.step(text[None, :-1], state)
    feeds = {"tokens": text[None, -1:], **state.arrays, **reference._where(state, 1, 1)}
    layers = reference._session.run(reference.description["attention"], feeds)
    slots = state.slots
    order = [slot for slot in np.argsort(slots) if slots[slot] >= 0]
    return [layer[0, :, 0, [*order, len(slots)]].T for layer in layers]


def test_the_hidden_state_of_an_lstm_is_what_the_graph_computes(engine):
    run, graph = model_run("lstm", "tiktoken")
    text = write_text(3)
    look = """text => engine.look("lstm-tiktoken", text).then(({ layers, width, hidden, cell }) =>
        ({ layers, width, hidden: Array.from(hidden), cell: Array.from(cell) }))"""
    found = engine.evaluate(look, text)
    reference = OnnxEngine(graph, threads=1)
    _, state = reference.step(run.tokenizer.encode(text)[None], reference.initial_state(1))
    assert (found["layers"], found["width"]) == (2, 32)
    for name in ("hidden", "cell"):
        np.testing.assert_allclose(found[name], state.arrays[name].ravel(), atol=1e-4)


FOLLOW = """async (name, steps) => {
    const told = [];
    for (const step of steps) {
        const progress = [];
        const { logits } = await engine.read(name, step, { from: step.length, onProgress: p => progress.push(p.done) });
        told.push({ first: progress[0] ?? null, logits: Array.from(logits) });
    }
    engine.read(name, "Nobody");
    const { logits } = await engine.read(name, steps.at(-1), { from: steps.at(-1).length });
    return { told, anew: Array.from(logits) };
}"""


@KINDS
@BOTH
def test_a_changed_text_is_read_from_the_change_on(engine, kind, tokenizer):
    text = write_text(12)[:200]
    changes = {
        "as it was": text,
        "continued": text + " Nobody forgot",
        "cut back": text[:-4],
        "the end changed": text[:-4] + "umbrella",
        "and continued far": text[:-4] + "umbrella" + write_text(3),
    }
    for change, after in changes.items():
        # single steps at the end, so that an LSTM has states to go back to
        answer(engine, "(name, text) => engine.read(name, text).then(() => null)", f"{kind}-{tokenizer}", text)
        found = answer(engine, FOLLOW, f"{kind}-{tokenizer}", [text, after])
        read = found["told"][1]["first"]
        assert read is None if change == "as it was" else read is None or read > 15, change
        np.testing.assert_allclose(found["told"][1]["logits"], found["anew"], atol=1e-4, err_msg=change)


@KINDS
def test_an_int8_model_reads_a_text_the_same_however_it_grew(onnx_engine, kind):
    """Or a seed would write another text after a prompt that was typed than after the same one from a link."""
    grows = """async (name, text) => {
        const logits = [];
        for (const pieces of [1, 3, text.length]) {
            await engine.read(name, "Nobody");
            let reading;
            for (let i = 1; i <= pieces; i++) {
                const end = Math.round((text.length * i) / pieces);
                reading = await engine.read(name, text.slice(0, end), { from: end });
            }
            logits.push(Array.from(reading.logits));
        }
        return logits;
    }"""
    whole, *others = answer(onnx_engine, grows, f"{kind}-character-int8", write_text(3)[:90])
    for logits in others:
        np.testing.assert_allclose(logits, whole, atol=1e-5)


@KINDS
def test_going_back_again_and_again_is_exact(engine, kind):
    """The ring puts back what was overwritten; what it put back must not be taken for older than it is."""
    rng, base = random.Random(3), write_text(30)
    steps, text = [], base[:300]
    for _ in range(30):
        text = text[: len(text) - rng.randrange(0, 12)] + base[rng.randrange(300) :][: rng.randrange(0, 9)]
        steps.append(text)
    found = answer(engine, FOLLOW, f"{kind}-character", steps)
    run, graph = model_run(kind, "character")
    reference = OnnxEngine(graph, threads=1)
    for step, told in zip(steps, found["told"], strict=True):
        np.testing.assert_allclose(told["logits"], python_logits(reference, run.tokenizer, step), atol=1e-4)


@KINDS
def test_writing_on_does_not_read_the_text_again(engine, kind):
    continues = """async (name, sampling) => {
        const first = await write(name, { text: "The miller", num_tokens: 60, sampling });
        const told = [];
        const options = { text: "The miller" + first.text, num_tokens: 60, sampling, onProgress: p => told.push(p) };
        const second = await write(name, options);
        const again = told.length;
        engine.read(name, "Nobody");
        const anew = await write(name, options);
        return [again, told.length, second.tokens, anew.tokens];
    }"""
    again, told, second, anew = answer(engine, continues, f"{kind}-character", sampling())
    assert [info["token"] for info in second] == [info["token"] for info in anew]
    assert again == 0 and told > 0  # a busy machine tells more than once


@pytest.mark.parametrize("kind", ["transformer", "gpt2"])
@pytest.mark.parametrize("memory", [None, 5])
def test_a_long_prompt_says_the_same_whether_or_not_all_of_it_is_read(engine, memory, kind):
    """Its tokens far behind are passed over; and going back to before them reads anew what that needs."""
    run, _ = model_run(kind, "character")
    text = write_text(40)
    writes = """async ([name, text, memory, more]) => {
        const wrote = [];
        for (const end of [text.length, text.length - 3, 700, text.length]) {
            const options = { text: text.slice(0, end), num_tokens: 30, sampling: more, ...(memory ? { memory } : {}) };
            wrote.push((await write(name, options)).text);
        }
        return wrote;
    }"""
    settings = SamplingConfig(temperature=1.0, seed=4)
    found = engine.evaluate(writes, [f"{kind}-character", text, memory, asdict(settings)])
    for end, ours in zip([len(text), len(text) - 3, 700, len(text)], found, strict=True):
        pieces = generate_samples(run, text[:end], Limits(30), settings, memory=memory)
        assert ours == "".join(piece.text for piece in pieces)


@pytest.mark.parametrize("prompt", ["The old miller ", "The old  ", "The miller looked at the ", "It "])
def test_a_blank_at_the_end_of_a_prompt_is_the_next_words_on_the_page_too(engine, prompt):
    run, _ = site_models()["transformer-tiktoken"]
    settings = sampling(seed=7, repetition_penalty=1.3, penalty_written_only=True)
    ours = write(engine, "transformer-tiktoken", prompt, 40, settings)
    theirs = python_tokens(run, TorchEngine(run.model), prompt, 40, settings)
    assert (tokens(ours), ours["text"]) == theirs
    assert run.tokenizer.decode([theirs[0][0]]).startswith(" ") and not theirs[1].startswith(" ")
    first = ours["tokens"][0]
    assert (
        first["start"] == len(prompt)
        and ours["text"][: first["end"] - first["start"]] == ours["text"][: first["end"] - len(prompt)]
    )


def test_a_prompt_with_its_blank_goes_on_as_the_one_without(engine):
    """The seed's draws are the same where the likeliest word begins with a blank anyway."""
    settings = sampling(temperature=0)
    plain = write(engine, "transformer-tiktoken", "The old miller", 1, settings)
    if plain["text"].startswith(" "):
        assert write(engine, "transformer-tiktoken", "The old miller ", 1, settings)["text"] == plain["text"][1:]
