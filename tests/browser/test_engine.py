"""The page's engine in Chromium against Python: the same tokens, the same numbers, and a clear word for each failure.

`python -m browser.test_engine` in the folder tests writes golden_tokenizers.json anew.
"""

from __future__ import annotations

import base64
import hashlib
import itertools
import json
import math
import os
import random
import re
import shutil
import subprocess
import threading
import time
import unicodedata
from dataclasses import asdict, replace
from functools import cache, partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import onnx
import pytest
from conftest import SHAPES, write_text
from test_export import exported
from test_generation import random_run

from janelm.config import SamplingConfig, TiktokenTokenizerConfig
from janelm.corpora import cache_folder
from janelm.engines import OnnxEngine, TorchEngine
from janelm.evaluation import Losses
from janelm.export.graphs import _compact, export_graph, read_description, read_tokenizer
from janelm.export.precision import quantise
from janelm.generation import Limits, generate_samples, prompt_tokens
from janelm.sampling import Sampler, adjusted, weights
from janelm.scoring import Block, Reader, score
from janelm.site.folder import SiteOptions, _vendor, site_files
from janelm.site.models import SiteModel
from janelm.tokenizers import (
    UNKNOWN_CHARACTER_BITS,
    CharacterTokenizer,
    StreamDecoder,
    TiktokenTokenizer,
    train_byte_pairs,
)

TESTS = Path(__file__).parents[1]
GOLDEN = TESTS / "golden_tokenizers.json"
BOTH = pytest.mark.parametrize("tokenizer", ["character", "tiktoken"])
KINDS = pytest.mark.parametrize("kind", ["transformer", "lstm"])

# --- tokenizers in many scripts

TEXTS = [
    "",
    "It isn't the miller's; they'll say we've gone, and I'd agree. 'Tis so!",
    "12 345678 ½ ² Ⅷ ٣٤٥ ३४ 1,000.50",
    "a  b   c\n\n\td \r\n e\r\n\r\nf \n",
    "trailing spaces   ",
    "   leading",
    "\u00a0non\u00a0breaking\u2003em\u3000ideographic\u0085next\ufeffmark\u180evowel\u200bzero",
    "\ufeffbyte order mark first",
    "a \u0085b, !\ufeff! \u0085\u0085 \ufeff\ufeff",
    "café cafe\u0301 n\u0303 a\u0308\u0323 Z\u0351\u036b\u0343a\u0321l\u0489go",
    "Straße ſtill İstanbul ǅ ﬁ ª º ʰ",
    "Мельник посмотрел на лампу. Ёлка, Київ, ѣ.",
    "Ο μυλωνάς κοίταξε τη λάμπα· ἄνθρωπος",
    "הטוחן הביט במנורה. שָׁלוֹם",
    "نظر الطحان إلى المصباح، ثم سكتَ.",
    "आटा चक्की वाला दीपक देखता है। क्षत्रिय ज़",
    "คนโม่แป้งมองดูตะเกียง",
    "粉屋さんはランプを見た。ー・「」ﾗﾝﾌﾟ 々",
    "磨坊主看着灯。𠮷野家 𪚥",
    "방앗간 주인이 등불을 보았다. ᄒᆞᆫ글",
    "Ꭰ ᏣᎳᎩ ᠮᠣᠩᠭᠣᠯ ትግርኛ தமிழ் ქართული Հայերեն",
    "𝔉𝔯𝔞𝔨𝔱𝔲𝔯 𝟘𝟙 𐍈 𓀀 𒀀 🂡",
    "😀 👩\u200d👩\u200d👧\u200d👦 🏳️\u200d🌈 🇫🇷 👍🏽 ❤️ #️⃣",
    "\x00 \x01\x1f \x7f \x80\x9f",
    "\ud800 lone \udfff surrogates \udc00\ud800 \ud83d x",
    "\uffff \ufdd0 \U0010ffff \ue000",
    "“Quotes” – dashes — … ‘single’ «guillemets» „low“",
    "snake_case camelCase x=y+1; if (a<b) { c[0] += 'd\\n'; } // №§¶†",
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
    "!!!!!!!!!!??????????……………… -------- ________ ========",
]
# As tiktoken's own are written: possessive quantifiers, a group without case, the end of the text.
STOCK_STYLE = "|".join(
    [
        r"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}++|\p{N}{1,3}+| ?[^\s\p{L}\p{N}]++[\r\n]*+",
        r"\s++$|\s*[\r\n]|\s+(?!\S)|\s",
    ]
)


def golden_tokenizers() -> dict:
    """What Python makes of many texts: tokens, and the pieces of text as tokens are decoded one by one."""
    sample = [write_text(200) + "\n".join(text.encode("utf-8", "replace").decode() for text in TEXTS)]
    config = TiktokenTokenizerConfig(vocab_size=600)
    ranks = train_byte_pairs(sample, config.vocab_size, config.pattern)
    tokenizers = {
        "characters": CharacterTokenizer(write_text(50) + "éß中文🙂𝔉\u0301"),
        "characters of documents": CharacterTokenizer(write_text(50), documents=True),
        "byte pairs": TiktokenTokenizer(config, ranks),
        "byte pairs of documents": TiktokenTokenizer(config, ranks[:300], documents=True),
        "a stock pattern": TiktokenTokenizer(replace(config, pattern=STOCK_STYLE), ranks),
    }
    single = [bytes([value]) for value in range(256)]
    over_spaces = [*single, b" \xc2", b" \xc2\x85", b"\xef\xbb", b"\xef\xbb\xbf", b"!\xef\xbb\xbf"]
    tokenizers["white space that JavaScript sees otherwise"] = TiktokenTokenizer(config, over_spaces)
    rng = random.Random(0)
    return {
        name: {
            "tokenizer": _compact(tokenizer),
            "texts": [
                {"text": text, "tokens": tokenizer.encode(text).tolist(), "unknown": tokenizer.unknown_characters(text)}
                for text in TEXTS
            ],
            "decoded": [_pieces(tokenizer, [rng.randrange(tokenizer.vocab_size) for _ in range(60)]) for _ in range(8)],
        }
        for name, tokenizer in tokenizers.items()
    }


def _pieces(tokenizer, tokens: list[int]) -> dict:
    decoder = StreamDecoder(tokenizer)
    return {"tokens": tokens, "pieces": [decoder.feed(token) for token in tokens] + [decoder.finish()]}


# --- a site of models with random weights, and a page with an engine


def model_run(kind: str, tokenizer: str, documents: bool = False):
    """A run of random weights and its graph."""
    if not documents:
        return exported(kind, tokenizer)
    run = random_run(SHAPES[kind], documents=True)
    return run, export_graph(run)


@cache
def site_models() -> dict[str, tuple]:
    """Name -> run and graph."""
    models = {}
    for kind in ("transformer", "lstm"):
        for tokenizer in ("character", "tiktoken"):
            run, graph = model_run(kind, tokenizer)
            models[f"{kind}-{tokenizer}"] = run, graph
            for precision in ("int8", "int8-weights"):
                models[f"{kind}-{tokenizer}-{precision}"] = run, quantise(graph, precision)
    return models | {"documents": model_run("lstm", "character", documents=True)}


def model_entry(name: str, run, graph) -> tuple[bytes, dict]:
    """The file of a graph, and what the engine needs of its entry in the manifest."""
    content = graph.SerializeToString(deterministic=True)
    digest = hashlib.sha256(content).hexdigest()
    description = read_description(graph)
    return content, {
        "name": name,
        "kind": description["kind"],
        "precision": description["precision"],
        "file": f"models/{name}-{digest[:8]}.onnx",
        "bytes": len(content),
        "sha256": digest,
        "parameters": run.model.parameter_count(),
        "description": description,
        "card": {"data": ["text.txt"]},
        "example": {"prompt": "", "text": "", "seed": 1, "temperature": 0.8, "num_tokens": 1},
    }


def write_engine_site(folder: Path, names: list[str] | None = None, app_change: str = "") -> None:
    """A site of these models; `app_change` makes the page's own files those of another version."""
    models = {name: model for name, model in site_models().items() if names is None or name in names}
    entries = [SiteModel(*model_entry(name, *model)) for name, model in models.items()]
    files = site_files(entries, _vendor(lambda line: None), SiteOptions())
    if app_change:
        old = json.loads(files["manifest.json"])["app"][0].split("/")[0]
        new = f"app-{hashlib.sha256(app_change.encode()).hexdigest()[:8]}"
        files = {path.replace(old, new): content.replace(old.encode(), new.encode()) for path, content in files.items()}
    for path, content in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(content)


@pytest.fixture(scope="module")
def engine_address(host) -> str:
    """The address of a site of small models with random weights."""
    write_engine_site(host[0] / "an" / "engine")
    return f"{host[1]}/an/engine/"


START = """async ([app, cold]) => {
    const url = path => new URL(path, location.href).href;
    const { Engine } = await import(url(`${app}/engine/client.js`));
    window.manifest = await (await fetch(url("manifest.json"))).json();
    window.startEngine = () => new Engine(manifest, { base: location.href });
    window.engine = startEngine();
    window.write = async (name, options, engine = window.engine) => {
        const frames = [];
        const written = engine.write(name, options, frame => frames.push(frame));
        const summary = await written.done;
        const all = { text: frames.map(frame => frame.text).join(""), tokens: frames.flatMap(frame => frame.tokens) };
        return { ...all, summary, logits: Array.from(frames.at(-1).logits), frames: frames.length };
    };
    window.fails = async promise => {
        try { await promise; } catch (error) { return { kind: error.kind, name: error.name, message: error.message }; }
    };
}"""


def open_engine(page, address: str) -> None:
    """Start an engine in a page that holds nothing else: a text file of the site."""
    page.route("**/favicon.ico", lambda route: route.fulfill(status=204))
    page.goto(address + "LICENSES.txt")
    app = json.loads(page.evaluate("fetch('manifest.json').then(response => response.text())"))["app"][0]
    page.evaluate(START, [app.split("/")[0], True])


@pytest.fixture(scope="module")
def engine(browser, engine_address):
    """A page whose engine has every model loaded."""
    page = browser.new_page()
    open_engine(page, engine_address)
    page.evaluate("async () => { for (const { name } of manifest.models) await engine.load(name); }")
    yield page
    page.close()


def sampling(**options) -> dict:
    return asdict(SamplingConfig(**options))


def write(page, name: str, prompt: str, count: int, settings: dict, **options) -> dict:
    wanted = {"text": prompt, "num_tokens": count, "sampling": settings, **options}
    return page.evaluate("([name, options]) => write(name, options)", [name, wanted])


def tokens(written: dict) -> list[int]:
    return [info["token"] for info in written["tokens"]]


def python_tokens(run, engine, prompt: str, count: int, settings: dict, stop=(), memory=None):
    pieces = generate_samples(
        run, prompt, Limits(count, tuple(stop)), SamplingConfig(**settings), memory=memory, engine=engine
    )
    pieces = list(pieces)
    return [piece.token for piece in pieces], "".join(piece.text for piece in pieces)


def python_logits(engine, tokenizer, text: str) -> np.ndarray:
    context = np.array([prompt_tokens(tokenizer, text)], np.int64)
    return engine.step(context, engine.initial_state(1))[0][0]


# --- golden vectors


def test_the_golden_tokenizers_are_what_python_says():
    expected = json.loads(json.dumps(golden_tokenizers()))
    assert json.loads(GOLDEN.read_text()) == expected, "write them anew: see the top of this file"


CHECK_TOKENIZERS = """async ([module, golden]) => {
    const { tokenizerFromJSON } = await import(new URL(module, location.href));
    const wrong = [];
    for (const [name, { tokenizer, texts, decoded }] of Object.entries(golden)) {
        const ours = tokenizerFromJSON(tokenizer);
        const check = (what, got, expected) => {
            if (JSON.stringify(got) !== JSON.stringify(expected)) wrong.push([name, what, got, expected]);
        };
        for (const { text, tokens, unknown } of texts) {
            check(text, ours.encode(text), tokens);
            check(text, ours.unknownCharacters(text), unknown);
            const spans = ours.spans(text);
            check(`spans of ${text}`, spans.at(-1)?.end ?? 0, text.length);
            check(`joins of ${text}`, spans.slice(1).map(s => s.start), spans.slice(0, -1).map(s => s.end));
        }
        for (const { tokens, pieces } of decoded) {
            const decoder = ours.decoder();
            check(tokens, [...tokens.map(token => decoder.feed(token)), decoder.finish()], pieces);
        }
    }
    return wrong;
}"""


def module(page, name: str) -> str:
    return page.evaluate("name => `${manifest.app[0].split('/')[0]}/engine/${name}`", name)


def test_tokenizers_agree_with_the_golden_texts_in_many_scripts(engine):
    golden = json.loads(GOLDEN.read_text())
    # lone surrogates do not survive the way into the browser as text: they go as JSON
    check = CHECK_TOKENIZERS.replace("[module, golden]", "[module, text]").replace(
        "const wrong", "const golden = JSON.parse(text); const wrong"
    )
    assert engine.evaluate(check, [module(engine, "tokenizer.js"), json.dumps(golden)]) == []


def test_byte_pairs_agree_on_random_text(engine):
    """All of Unicode, runs of one character, and mixtures that break words in odd places."""
    rng = random.Random(1)
    run, _ = model_run("lstm", "tiktoken")
    assigned = [chr(code) for code in range(0x110000) if unicodedata.category(chr(code)) not in ("Cn", "Cs")]
    near = [" ", "\n", "\t", "\r", "'", "s", "a", "A", "1", ".", "é", "\u0301", "\u00a0", "\u0085", "\ufeff", "😀"]
    texts = ["".join(rng.choices(assigned, k=30)) for _ in range(60)]
    texts += ["".join(rng.choices(near, k=40)) for _ in range(200)]
    texts += [rng.choice(near) * rng.randrange(1, 70) + rng.choice(near) for _ in range(60)]
    golden = {
        "all": {
            "tokenizer": _compact(run.tokenizer),
            "texts": [{"text": text, "tokens": run.tokenizer.encode(text).tolist(), "unknown": []} for text in texts],
            "decoded": [],
        }
    }
    assert engine.evaluate(CHECK_TOKENIZERS, [module(engine, "tokenizer.js"), golden]) == []


def test_a_long_run_without_a_break_encodes_in_no_time(engine):
    """Rescanning the whole run after each merge would take hours for these."""
    ends = "parts => parts.map(part => engine.tokens('lstm-tiktoken', part.repeat(100_000)).at(-1).end)"
    found = engine.evaluate(ends, ["a", " the", "中", "\n", "ab"])
    assert found == [100_000, 400_000, 100_000, 100_000, 200_000]


CHECK_SAMPLER = """async ([folder, golden, base]) => {
    const { Random } = await import(new URL(`${folder}random.js`, location.href));
    const { Sampler } = await import(new URL(`${folder}sampler.js`, location.href));
    const uniform = golden.uniform.map(({ seed, outputs }) => {
        const random = new Random(seed);
        return outputs.map(() => random.uniform() * 2 ** 32);
    });
    const draws = golden.draws.map(({ config, never, written, logits, tokens }) => {
        const sampler = new Sampler({ ...base, ...config }, never);
        sampler.note(written);
        return tokens.map(() => sampler.draw(Float64Array.from(logits)));
    });
    return { uniform, draws };
}"""


def test_random_numbers_and_draws_agree_with_the_golden_vectors(engine):
    golden = json.loads((TESTS / "golden_sampling.json").read_text())
    found = engine.evaluate(CHECK_SAMPLER, [module(engine, ""), golden, sampling()])
    assert found["uniform"] == [case["outputs"] for case in golden["uniform"]]
    assert found["draws"] == [case["tokens"] for case in golden["draws"]]


def test_draws_among_equals_agree_with_python(engine):
    """Few different logits, so that top-k and top-p cut through tokens of the same probability."""
    rng = np.random.default_rng(2)
    cases = []
    for seed in range(40):
        config = {"seed": seed, "top_k": int(rng.integers(0, 30)), "top_p": float(rng.choice([1, 0.9, 0.5]))}
        config |= {"temperature": float(rng.choice([0.5, 1, 2])), "min_p": float(rng.choice([0, 0.2]))}
        logits = rng.integers(-2, 3, 40).astype(float)
        sampler = Sampler(SamplingConfig(**config))
        drawn = [sampler.draw(logits) for _ in range(30)]
        cases.append({"config": config, "never": [], "written": [], "logits": logits.tolist(), "tokens": drawn})
    golden = {"uniform": [], "draws": cases}
    found = engine.evaluate(CHECK_SAMPLER, [module(engine, ""), golden, sampling()])
    assert found["draws"] == [case["tokens"] for case in cases]


# --- the same numbers


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
            ours = engine.evaluate(
                """async ([name, text, from]) => {
                    engine.read(name, "Nobody");  // something else, so that the text is read anew
                    const { logits } = await engine.read(name, text, { from });
                    return Array.from(logits);
                }""",
                [f"{kind}-{tokenizer}", text, start],
            )
            for logits in expected:
                np.testing.assert_allclose(ours, logits, atol=1e-4)


@KINDS
@BOTH
@pytest.mark.parametrize("settings", [{}, {"temperature": 1.3, "top_p": 0.9, "repetition_penalty": 1.2, "seed": 7}])
def test_the_same_seed_writes_the_same_500_tokens_in_all_three(engine, kind, tokenizer, settings):
    run, graph = model_run(kind, tokenizer)
    settings = sampling(**settings)
    ours = write(engine, f"{kind}-{tokenizer}", "The miller", 500, settings)
    for reference in (TorchEngine(run.model), OnnxEngine(graph, threads=1)):
        theirs = python_tokens(run, reference, "The miller", 500, settings)
        assert (tokens(ours), ours["text"]) == theirs


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


def test_a_text_of_many_chunks_and_an_empty_one_start_as_in_python(engine):
    for prompt in ("", write_text(40)):
        for kind in ("transformer", "lstm"):
            run, graph = model_run(kind, "character")
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


def options(text: str, **more) -> dict:
    return {"text": text, "num_tokens": 10, "sampling": sampling()} | more


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
def test_int8_agrees_with_onnx_runtime_in_python(engine, kind, tokenizer):
    """To the last bits, until a number that is quantised on the way falls on the other side of a boundary between two
    integers. From there on both err, each by less than int8 itself does."""
    name = f"{kind}-{tokenizer}"
    run, graph = site_models()[f"{name}-int8"]
    exact, full = OnnxEngine(graph, threads=1), OnnxEngine(model_run(kind, tokenizer)[1], threads=1)
    differences, errors = [], []
    for seed in range(6):
        text = write_text(30, seed=seed)[seed : seed + 30]
        ours = engine.evaluate(STEPS, [f"{name}-int8", text])
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


STEPS = """async ([name, text]) => {
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
    ours = engine.evaluate("([name, text]) => engine.score(name, text)", [f"{kind}-{tokenizer}", text])
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
    bits, state, previous = 0.0, reference.initial_state(1), prompt_tokens(tokenizer, "")[0]
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
        ours = engine.evaluate("text => engine.score('transformer-tiktoken', text)", typed)
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
        class Tensor { constructor(type, data, dims) { Object.assign(this, { type, data, dims }); } }
        const state = initialState(Tensor, description);
        state.position = 1_000_000;
        return [1, 3].map(count => Array.from(state.inputs(count).rotation.data));
    }"""
    found = engine.evaluate(rotates, [module(engine, "states.js"), "transformer-character"])
    for count, rotation in zip((1, 3), found, strict=True):
        expected = OnnxEngine(graph, threads=1)._rotation(np.arange(1_000_000, 1_000_000 + count))
        np.testing.assert_allclose(rotation, expected.ravel(), atol=1e-7)


# --- what is told of each token


def test_bits_and_alternatives_are_those_of_the_logits(engine):
    run, graph = model_run("lstm", "character")
    text = "The miller, my ☃ aunt."
    reading = engine.evaluate("text => engine.read('lstm-character', text, { alternatives: 4 })", text)
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
    reads = """async ([text, from]) => {
        const all = await engine.read("transformer-tiktoken", text);
        engine.read("transformer-tiktoken", "Nobody");
        const rest = await engine.read("transformer-tiktoken", text, { from });
        return [all.tokens.filter(info => info.start >= from), rest.tokens];
    }"""
    whole, rest = engine.evaluate(reads, [write_text(20), 300])
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


@pytest.mark.parametrize("settings", [{}, {"top_k": 3}, {"top_p": 0.7}, {"min_p": 0.1}, {"repetition_penalty": 1.5}])
def test_bars_show_the_probabilities_of_the_draw(engine, settings):
    run, _ = model_run("lstm", "character")
    logits = np.random.default_rng(0).normal(size=run.tokenizer.vocab_size).astype(np.float32)
    config = SamplingConfig(temperature=0.7, **settings)
    bars = "([logits, settings]) => engine.sampleBars('lstm-character', Float32Array.from(logits), settings, 6, [1, 2])"
    ours = engine.evaluate(bars, [logits.tolist(), asdict(config)])
    p = weights(adjusted(logits, {1, 2}, config.repetition_penalty, run.tokenizer.never_written), config)
    order = [token for token in np.argsort(-p, kind="stable")[:6].tolist() if p[token] > 0]
    assert [bar["token"] for bar in ours] == order
    np.testing.assert_allclose([bar["probability"] for bar in ours], p[order] / p.sum(), atol=1e-9)
    greedy = engine.evaluate(bars, [logits.tolist(), asdict(config) | {"temperature": 0}])
    assert [bar["probability"] for bar in greedy] == [1]


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
    place = len(text) - 1
    feeds = {"tokens": text[None, -1:], **state.arrays, "position": np.array([place])}
    feeds["rotation"] = reference._rotation(np.array([place]))
    layers = reference._session.run(reference.description["attention"], feeds)
    slots = state.arrays["slots"]
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


# --- a text is not read twice

FOLLOW = """async ([name, steps]) => {
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
        engine.evaluate("([name, text]) => engine.read(name, text)", [f"{kind}-{tokenizer}", text])
        found = engine.evaluate(FOLLOW, [f"{kind}-{tokenizer}", [text, after]])
        read = found["told"][1]["first"]
        assert read is None if change == "as it was" else read is None or read > 15, change
        np.testing.assert_allclose(found["told"][1]["logits"], found["anew"], atol=1e-4, err_msg=change)


@KINDS
def test_an_int8_model_reads_a_text_the_same_however_it_grew(engine, kind):
    """Or a seed would write another text after a prompt that was typed than after the same one from a link."""
    grows = """async ([name, text]) => {
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
    whole, *others = engine.evaluate(grows, [f"{kind}-character-int8", write_text(3)[:90]])
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
    found = engine.evaluate(FOLLOW, [f"{kind}-character", steps])
    run, graph = model_run(kind, "character")
    reference = OnnxEngine(graph, threads=1)
    for step, told in zip(steps, found["told"], strict=True):
        np.testing.assert_allclose(told["logits"], python_logits(reference, run.tokenizer, step), atol=1e-4)


@KINDS
def test_writing_on_does_not_read_the_text_again(engine, kind):
    continues = """async ([name, sampling]) => {
        const first = await write(name, { text: "The miller", num_tokens: 60, sampling });
        const told = [];
        const options = { text: "The miller" + first.text, num_tokens: 60, sampling, onProgress: p => told.push(p) };
        const second = await write(name, options);
        engine.read(name, "Nobody");
        const anew = await write(name, options);
        return [told.length, second.tokens, anew.tokens];
    }"""
    told, second, anew = engine.evaluate(continues, [f"{kind}-character", sampling()])
    assert [info["token"] for info in second] == [info["token"] for info in anew]
    assert told == 1  # the second time alone


# --- taking turns


def test_a_writing_stops_at_once_and_keeps_its_text(engine):
    stops = """async ([name, options]) => {
        let text = "", stopped = 0;
        const written = engine.write(name, options, frame => {
            text += frame.text;
            if (frame.written > 50 && !stopped) { stopped = performance.now(); written.stop(); }
        });
        const summary = await written.done;
        return { summary, text, after: performance.now() - stopped };
    }"""
    name = "transformer-character"
    found = engine.evaluate(stops, [name, options("The", num_tokens=100_000)])
    assert found["summary"]["reason"] == "stopped" and found["after"] < 200
    assert 50 < len(found["text"]) == found["summary"]["tokens"] < 5000
    whole = write(engine, name, "The", found["summary"]["tokens"], sampling())
    assert whole["text"] == found["text"]


def test_a_paced_writing_keeps_its_pace_and_stops_while_it_waits(engine):
    found = write(engine, "lstm-character", "The", 11, sampling(), pace=20)
    assert found["summary"]["seconds"] == pytest.approx(0.5, abs=0.15)
    assert found["frames"] >= 10
    stops = """async options => {
        let stopped;
        const written = engine.write("lstm-character", options, () => { stopped = performance.now(); written.stop(); });
        const { reason } = await written.done;
        return [reason, performance.now() - stopped];
    }"""
    reason, after = engine.evaluate(stops, options("The", pace=0.1))
    assert reason == "stopped" and after < 1000


def test_two_models_write_side_by_side_what_they_write_alone(engine):
    names, count = ("transformer-character", "lstm-character"), 300
    alone = [write(engine, name, "The", count, sampling())["text"] for name in names]
    together = """async ([names, options]) => {
        const order = [];
        const all = names.map(name => {
            let text = "";
            const { done } = engine.write(name, options, frame => { order.push(name); text += frame.text; });
            return done.then(() => text);
        });
        return [await Promise.all(all), order];
    }"""
    texts, order = engine.evaluate(together, [names, options("The", num_tokens=count)])
    assert texts == alone
    assert order.index(names[1]) < len(order) - 1 - order[::-1].index(names[0])


def test_frames_come_no_more_often_than_a_screen_shows_them(engine):
    found = write(engine, "lstm-character", "The", 1000, sampling())
    assert found["frames"] <= found["summary"]["seconds"] / 0.016 + 2
    assert 0 < found["summary"]["ownShare"] < 1
    assert found["summary"]["tokensPerSecond"] == pytest.approx(1000 / found["summary"]["seconds"])


def test_reading_can_be_aborted_and_goes_on_where_it_was(engine):
    aborts = """async ([name, text]) => {
        const told = [];
        const controller = new AbortController();
        const onProgress = ({ done }) => { told.push(done); if (done > 30) controller.abort(); };
        const failure = await fails(engine.read(name, text, { onProgress, signal: controller.signal }));
        const after = told.at(-1);
        const { tokens } = await engine.read(name, text, { from: text.length - 5 });
        return [failure, after, tokens.length];
    }"""
    failure, after, count = engine.evaluate(aborts, ["transformer-character", write_text(200)])
    assert failure["name"] == "AbortError" and after < 5000 and count == 5


def test_a_run_of_10000_tokens_does_not_grow(browser, engine_address):
    """The page's heap, the worker's, and all that the page's process holds, the runtime's memory among it."""
    page = browser.new_page()
    open_engine(page, engine_address)
    page.evaluate("() => engine.load('transformer-character')")
    session = page.context.new_cdp_session(page)
    writes = """async options => {
        let characters = 0;
        const count = ({ text }) => { characters += text.length; };
        const { tokens } = await engine.write("transformer-character", options, count).done;
        return tokens === characters && tokens;
    }"""
    used = []
    for count in (1000, 1000, 10_000):
        assert page.evaluate(writes, options("The", num_tokens=count, alternatives=10)) == count
        session.send("HeapProfiler.collectGarbage")
        heap = session.send("Runtime.getHeapUsage")["usedSize"]
        used.append((heap, _worker_heap(session), _renderer_memory(browser, page)))
    heaps, workers, processes = zip(*used, strict=True)
    assert heaps[2] < heaps[1] + 1e6
    assert workers[2] < workers[1] + 1e6
    assert processes[2] < processes[1] + 40e6
    page.close()


def _worker_heap(session) -> int:
    """Bytes in use in the page's worker, after collecting garbage."""
    answers: dict[int, dict] = {}
    attached = []
    session.on("Target.attachedToTarget", lambda event: attached.append(event["sessionId"]))
    session.on(
        "Target.receivedMessageFromTarget",
        lambda event: answers.update({json.loads(event["message"]).get("id", -1): json.loads(event["message"])}),
    )
    session.send("Target.setAutoAttach", {"autoAttach": True, "waitForDebuggerOnStart": False, "flatten": False})
    for number, method in enumerate(("HeapProfiler.collectGarbage", "Runtime.getHeapUsage")):
        message = json.dumps({"id": number, "method": method})
        session.send("Target.sendMessageToTarget", {"sessionId": attached[0], "message": message})
    while 1 not in answers:
        session.send("Runtime.getHeapUsage")  # lets the answers in
    session.send("Target.setAutoAttach", {"autoAttach": False, "waitForDebuggerOnStart": False, "flatten": False})
    return answers[1]["result"]["usedSize"]


def _renderer_memory(browser, page) -> int:
    """Bytes that the largest of the browser's page processes holds in memory, files not counted."""
    session = browser.new_browser_cdp_session()
    processes = session.send("SystemInfo.getProcessInfo")["processInfo"]
    session.detach()
    held = []
    for process in processes:
        if process["type"] == "renderer":
            status = Path(f"/proc/{process['id']}/status").read_text()
            held.append(1024 * int(re.search(r"RssAnon:\s+(\d+)", status)[1]))
    return max(held)


# --- loading, keeping, and what can go wrong

LOAD = """async name => {
    const told = [];
    const loaded = await engine.load(name, progress => told.push(progress));
    return { loaded, told };
}"""


@pytest.fixture
def small_site(host, request):
    """A site of one LSTM that a test may change: its folder and its address."""
    folder = host[0] / "small" / re.sub(r"\W", "-", request.node.name)
    write_engine_site(folder, ["lstm-character"])
    return folder, f"{host[1]}/small/{folder.name}/"


def requests_of(page) -> list[str]:
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    return asked


def test_progress_is_true_and_ends_at_the_total(page, engine_address):
    open_engine(page, engine_address)
    found = page.evaluate(LOAD.replace("const told", "window.engine = startEngine(); const told"), "lstm-character")
    manifest = page.evaluate("manifest")
    entry = next(model for model in manifest["models"] if model["name"] == "lstm-character")
    total = entry["bytes"] + manifest["runtime"]["wasm_bytes"]
    assert found["loaded"]["bytes"] == total and not found["loaded"]["cached"]
    assert {step["total"] for step in found["told"]} == {total}
    loaded = [step["loaded"] for step in found["told"]]
    assert loaded == sorted(loaded) and loaded[-1] == total and len(set(loaded)) > 3
    assert [step["stage"] for step in found["told"]][-1] == "start"
    again = page.evaluate(LOAD, "transformer-character")
    assert again["told"][-1]["total"] < 1e6  # the runtime is there


def test_a_second_visit_asks_for_no_model(context, small_site, complaints):
    _, address = small_site
    for visit in range(2):
        page = context.new_page()
        asked = requests_of(page)
        open_engine(page, address)
        loaded = page.evaluate(LOAD, "lstm-character")["loaded"]
        assert loaded["cached"] == bool(visit) == (not any(".onnx" in url for url in asked))
        wait_for(page, KEPT)
        page.close()


def wait_for(page, question: str, patience: int = 600) -> None:
    """Until an async question has the answer true: Playwright's own waiting takes a promise for an answer."""
    for _ in range(patience):
        if page.evaluate(question):
            return
        page.wait_for_timeout(50)
    raise AssertionError(f"never came true: {question}")


KEPT = """async () => {
    for (const name of await caches.keys()) {
        const kept = await (await caches.open(name)).keys();
        if (kept.some(({ url }) => url === new URL(manifest.models[0].file, location.href).href)) return true;
    }
    return false;
}"""


def kept_models(page) -> list[str]:
    return page.evaluate(
        """async () => {
            const { storeName } = await import(new URL(manifest.app[0].split("/")[0] + "/engine/loader.js", location));
            return (await (await caches.open(storeName(location.href))).keys()).map(({ url }) => url.split("/").at(-1));
        }"""
    )


def test_a_new_export_is_picked_up_and_the_old_model_is_removed(context, small_site, host):
    folder, address = small_site
    page = context.new_page()
    open_engine(page, address)
    page.evaluate(LOAD, "lstm-character")
    wait_for(page, KEPT)
    old = kept_models(page)
    shutil.rmtree(folder)
    write_engine_site(folder, ["lstm-tiktoken"])
    open_engine(page, address)
    assert not page.evaluate(LOAD, "lstm-tiktoken")["loaded"]["cached"]
    wait_for(page, KEPT)
    new = kept_models(page)
    assert len(old) == len(new) == 1 and old != new


def test_models_of_another_site_on_the_same_host_are_left_alone(context, small_site, engine_address):
    page = context.new_page()
    open_engine(page, small_site[1])
    page.evaluate(LOAD, "lstm-character")
    wait_for(page, KEPT)
    open_engine(page, engine_address)
    page.evaluate(LOAD, "documents")
    page.goto(small_site[1] + "LICENSES.txt")
    open_engine(page, small_site[1])
    assert page.evaluate(LOAD, "lstm-character")["loaded"]["cached"]


def spoil(content: bytes) -> bytes:
    return content[:-1] + bytes([content[-1] ^ 1])


@pytest.mark.parametrize(
    "change",
    [spoil, lambda content: content[:-10], lambda content: content + b"x", lambda content: b"<!doctype html>"],
    ids=["one bit", "cut off", "too long", "a page of HTML"],
)
def test_a_corrupted_model_is_told_and_not_kept(page, small_site, change):
    folder, address = small_site
    (file,) = (folder / "models").iterdir()
    whole = file.read_bytes()
    file.write_bytes(change(whole))
    open_engine(page, address)
    failure = page.evaluate("() => fails(engine.load('lstm-character'))")
    assert failure["kind"] == "corrupted" and "lstm-character" in failure["message"]
    assert kept_models(page) == []
    file.write_bytes(whole)  # and the next try succeeds, in the same page
    page.evaluate("() => caches.keys()")
    assert page.evaluate(LOAD, "lstm-character")["loaded"]["bytes"] > 0


def test_a_kept_model_that_was_spoiled_is_fetched_again(context, small_site):
    page = context.new_page()
    open_engine(page, small_site[1])
    page.evaluate(LOAD, "lstm-character")
    wait_for(page, KEPT)
    page.evaluate(
        """async () => {
            const [name] = (await caches.keys()).filter(name => name.includes("models"));
            const store = await caches.open(name);
            const [request] = await store.keys();
            const bytes = new Uint8Array(await (await store.match(request)).arrayBuffer());
            bytes[bytes.length - 1] ^= 1;
            await store.put(request, new Response(bytes));
        }"""
    )
    open_engine(page, small_site[1])
    assert not page.evaluate(LOAD, "lstm-character")["loaded"]["cached"]


def test_a_missing_model_is_told(page, small_site, complaints):
    folder, address = small_site
    shutil.rmtree(folder / "models")
    open_engine(page, address)
    failure = page.evaluate("() => fails(engine.load('lstm-character'))")
    assert failure["kind"] == "missing" and "404" in failure["message"]
    complaints.clear()  # the browser itself writes of each 404


@pytest.mark.parametrize("part", [".wasm", "ort.wasm.min.mjs", "simd-threaded.mjs", "worker.js"])
def test_a_missing_part_of_the_engine_is_told(page, small_site, complaints, part):
    folder, address = small_site
    for file in folder.rglob("*"):
        if file.name.endswith(part):
            file.unlink()
    open_engine(page, address)
    failure = page.evaluate("() => fails(engine.load('lstm-character'))")
    assert failure["kind"] == ("missing" if part == ".wasm" else "failed") and failure["message"].endswith(".")
    complaints.clear()


def test_a_spoiled_runtime_is_told(page, small_site):
    folder, address = small_site
    (file,) = folder.rglob("*.wasm")
    content = file.read_bytes()
    for spoiled in (content[: len(content) // 2], b"\0asm" + content[5:]):
        file.write_bytes(spoiled)
        open_engine(page, address)
        assert page.evaluate("() => fails(engine.load('lstm-character'))")["kind"] == "corrupted"


def test_a_host_without_the_wasm_type_still_serves(page, small_site):
    """Streaming compilation insists on application/wasm, which not every host says."""
    as_bytes = lambda route: route.fulfill(response=route.fetch(), content_type="application/octet-stream")  # noqa: E731
    page.route("**/*.wasm", as_bytes)
    open_engine(page, small_site[1])
    assert page.evaluate(LOAD, "lstm-character")["loaded"]["bytes"] > 14e6


def test_without_a_network_the_error_says_so_and_a_later_try_succeeds(context, small_site):
    page = context.new_page()
    page.route("**/*.onnx", lambda route: route.abort("internetdisconnected"))
    open_engine(page, small_site[1])
    failure = page.evaluate("() => fails(engine.load('lstm-character'))")
    assert failure["kind"] == "offline" and "connection" in failure["message"]
    page.unroute("**/*.onnx")
    page.route("**/*.wasm", lambda route: route.abort("internetdisconnected"))
    open_engine(page, small_site[1])
    assert page.evaluate("() => fails(engine.load('lstm-character'))")["kind"] == "offline"
    page.unroute("**/*.wasm")
    assert page.evaluate(LOAD, "lstm-character")["loaded"]["bytes"] > 14e6
    assert write(page, "lstm-character", "The", 5, sampling())["summary"]["tokens"] == 5


def test_a_damaged_model_is_told_when_it_writes(page, small_site):
    """Weights that are not numbers, in a file that arrives as it was exported."""
    folder, address = small_site
    run, graph = model_run("lstm", "character")
    damaged = onnx.ModelProto()
    damaged.CopyFrom(graph)
    weight = next(tensor for tensor in damaged.graph.initializer if tensor.name == "head_bias")
    weight.CopyFrom(onnx.numpy_helper.from_array(np.full(weight.dims, np.nan, np.float32), weight.name))
    content, entry = model_entry("lstm-character", run, damaged)
    (folder / entry["file"]).write_bytes(content)
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["models"] = [entry]
    (folder / "manifest.json").write_text(json.dumps(manifest))
    open_engine(page, address)
    page.evaluate(LOAD, "lstm-character")
    failure = page.evaluate("options => fails(write('lstm-character', options))", options("The"))
    assert failure["kind"] == "corrupted" and "damaged" in failure["message"]


def test_a_browser_without_webassembly_is_told(page, small_site):
    page.add_init_script("delete globalThis.WebAssembly")
    open_engine(page, small_site[1])
    failure = page.evaluate("() => fails(engine.load('lstm-character'))")
    assert failure["kind"] == "no-webassembly" and "WebAssembly" in failure["message"]
    assert page.evaluate("() => engine.tokens('lstm-character', 'The').length") == 3  # the rest of the page goes on


@pytest.mark.parametrize(
    ("thrown", "kind"),
    [
        ("new RangeError('WebAssembly.Memory(): could not allocate memory')", "out-of-memory"),
        ("new Error('Out of memory')", "out-of-memory"),
        ('new Error("Can\'t create a session. ERROR_CODE: 6, ERROR_MESSAGE: std::bad_alloc")', "out-of-memory"),
        ("new RangeError('Array buffer allocation failed')", "out-of-memory"),
        ("new Error('WebAssembly SIMD is not supported in the current environment.')", "no-webassembly"),
        ("new Error('something else')", "failed"),
        ("'no error at all'", "failed"),
    ],
)
def test_what_browsers_throw_becomes_a_sentence(engine, thrown, kind):
    """A device that runs out of memory cannot be had in a test; what browsers say then can."""
    turns = f"""async path => {{
        const {{ asEngineError }} = await import(new URL(path, location.href));
        const {{ kind, message }} = asEngineError({thrown}, "the model could not be started");
        return [kind, message];
    }}"""
    found, message = engine.evaluate(turns, module(engine, "errors.js"))
    assert found == kind and message[0].isupper() and message.endswith(".")


def test_what_is_under_way_when_the_engine_ends_rejects(page, small_site):
    open_engine(page, small_site[1])
    ends = """async options => {
        await engine.load("lstm-character");
        const { done } = engine.write("lstm-character", options, () => engine.terminate());
        return [await fails(done), await fails(engine.score("lstm-character", "The"))];
    }"""
    for failure in page.evaluate(ends, options("The", num_tokens=100_000)):
        assert failure["kind"] == "failed"


@pytest.fixture
def other_host(host):
    """A second origin with the files of the first, as a CDN is: whoever asks may read."""

    class Open(SimpleHTTPRequestHandler):
        def end_headers(self) -> None:
            self.send_header("Access-Control-Allow-Origin", "*")
            super().end_headers()

        def log_message(self, *arguments: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Open, directory=str(host[0]))) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.mark.parametrize("spoiled", [None, "module", "glue", "wasm"])
def test_a_runtime_from_elsewhere_is_taken_only_with_the_right_hash(context, small_site, other_host, host, spoiled):
    folder, address = small_site
    manifest = json.loads((folder / "manifest.json").read_text())
    runtime, integrity = manifest["runtime"], {}
    for part in ("module", "glue", "wasm"):
        content = (folder / runtime[part]).read_bytes()
        hashed = base64.b64encode(hashlib.sha384(content + b" " * (part == spoiled)).digest()).decode()
        runtime[part] = f"{address.replace(host[1], other_host)}{runtime[part]}"
        integrity[runtime[part]] = f"sha384-{hashed}"
    (folder / "manifest.json").write_text(json.dumps(manifest | {"runtime": runtime | {"integrity": integrity}}))
    page = context.new_page()
    asked = requests_of(page)
    open_engine(page, address)
    failure = page.evaluate("() => fails(engine.load('lstm-character'))")
    if spoiled:
        assert failure["kind"] in ("failed", "offline")
    else:
        assert failure is None and write(page, "lstm-character", "The", 5, sampling())["summary"]["tokens"] == 5
        assert not any(url.startswith(host[1]) and "vendor" in url for url in asked)


# --- the service worker

REGISTER = """async () => {
    await navigator.serviceWorker.register("service_worker.js");
    await navigator.serviceWorker.ready;
}"""
PAIR_KEPT = """async () => {
    for (const name of await caches.keys()) {
        for (const { url } of await (await caches.open(name)).keys()) if (url.endsWith("kept-pair")) return true;
    }
    return false;
}"""


def visit(page, address: str, patience: int = 600) -> dict:
    """Open the site's page as a visitor does, load its model with an engine of our own, and let all be kept."""
    page.goto(address)
    manifest = page.evaluate("fetch('manifest.json').then(response => response.json())")
    page.evaluate(START, [manifest["app"][0].split("/")[0], True])
    page.evaluate(REGISTER)
    page.evaluate(LOAD, manifest["models"][0]["name"])
    wait_for(page, PAIR_KEPT, patience)
    wait_for(page, KEPT)
    return manifest


def test_the_whole_site_works_offline_after_one_visit(context, small_site, host):
    """Offline for certain: its server has gone."""
    folder, _ = small_site
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(SimpleHTTPRequestHandler, directory=str(host[0]))) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        address = f"http://127.0.0.1:{server.server_port}/{folder.relative_to(host[0]).as_posix()}/"
        page = context.new_page()
        visit(page, address)
        server.shutdown()
    page.goto(address)
    manifest = page.evaluate("fetch('manifest.json').then(response => response.json())")
    page.evaluate(START, [manifest["app"][0].split("/")[0], True])
    assert page.evaluate(LOAD, "lstm-character")["loaded"]["cached"]
    assert write(page, "lstm-character", "The", 5, sampling())["summary"]["tokens"] == 5
    files = [file["path"] for file in manifest["files"]]
    fetches = "paths => Promise.all(paths.map(path => fetch(path).then(response => response.ok)))"
    assert len(files) > 20 and all(page.evaluate(fetches, files))


def test_a_new_export_replaces_the_old_one_and_the_two_never_mix(context, small_site):
    """Files of the page itself and models change; while the new export is half uploaded, the old one is whole."""
    folder, address = small_site
    page = context.new_page()
    old, old_index = visit(page, address), (folder / "index.html").read_text()
    write_engine_site(folder, ["lstm-tiktoken"], app_change="/* new */")
    new_index = (folder / "index.html").read_text()
    newer = json.loads((folder / "manifest.json").read_text())
    assert newer["app"][0] != old["app"][0]

    before, after = (f"{manifest['app'][0].split('/')[0]} {manifest['models'][0]['name']}" for manifest in (old, newer))
    for index, manifest, seen in ((new_index, old, before), (old_index, newer, before), (new_index, newer, after)):
        _upload(folder, index, manifest)
        assert _seen(page, address) == seen
    visit(page, address)
    assert _seen(page, address) == after
    kept = page.evaluate("async () => (await (await caches.open((await caches.keys())[0])).keys()).map(k => k.url)")
    assert not any(old["app"][0].split("/")[0] in url for url in kept)


def test_a_file_that_is_half_uploaded_is_not_kept_for_good(context, small_site):
    folder, address = small_site
    (licence,) = folder.glob("vendor/uplot*/LICENSE")
    whole = licence.read_bytes()
    licence.write_bytes(whole[:100])
    page = context.new_page()
    with pytest.raises(AssertionError, match="never came true"):
        visit(page, address, patience=20)
    licence.write_bytes(whole + b"")
    os.utime(licence, (time.time() + 60,) * 2)
    visit(page, address)
    path = licence.relative_to(folder).as_posix()
    assert page.evaluate("path => fetch(path).then(response => response.text())", path) == whole.decode()


def _upload(folder: Path, index: str, manifest: dict) -> None:
    (folder / "index.html").write_text(index)
    (folder / "manifest.json").write_text(json.dumps(manifest))
    for number, name in enumerate(("index.html", "manifest.json")):  # the server tells changes by the second
        later = time.time() + 10 * next(CLOCK) + number
        os.utime(folder / name, (later, later))


CLOCK = itertools.count(1)


def _seen(page, address: str) -> str:
    """Of which export the page is, and of which the manifest that it is given."""
    page.goto(address)
    return page.evaluate(
        """async () => {
            const { app, models } = await (await fetch("manifest.json")).json();
            const folder = app[0].split("/")[0];
            const index = document.documentElement.outerHTML;
            return index.includes(`${folder}/`) ? `${folder} ${models[0].name}` : "a mix of two exports";
        }"""
    )


# --- types


def test_the_page_passes_the_type_checker(tmp_path):
    """tsc over every module, with the packages' own types; npm fetches them once into the cache folder."""
    folder = cache_folder() / "typescript"
    packages = ["typescript@7.0.2", "onnxruntime-common@1.30.0", "uplot@1.6.32"]
    compiler = folder / "node_modules" / ".bin" / "tsc"
    if not compiler.exists():
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "package.json").write_text("{}")
        subprocess.run(["npm", "install", "--silent", "--no-audit", "--no-fund", *packages], cwd=folder, check=True)
    web = TESTS.parent / "janelm" / "web"
    modules = str(folder / "node_modules")
    config = {
        "extends": str(web / "tsconfig.json"),
        "compilerOptions": {"paths": {"*": [f"{modules}/*"]}, "typeRoots": [modules]},
        "include": [f"{web}/**/*.js"],
    }
    (tmp_path / "tsconfig.json").write_text(json.dumps(config))
    checked = subprocess.run([compiler, "--project", tmp_path], capture_output=True, text=True)
    assert checked.returncode == 0, checked.stdout


if __name__ == "__main__":
    GOLDEN.write_text(
        json.dumps(golden_tokenizers()).replace('{"text', '\n{"text').replace('{"tokens', '\n{"tokens') + "\n"
    )
