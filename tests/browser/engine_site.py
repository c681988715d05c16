"""What the tests of the page's engine share: models with random weights, a page with an engine, and golden texts.

`python -m browser.engine_site` in the folder tests writes golden/tokenizers.json anew.
"""

from __future__ import annotations

import hashlib
import json
import random
from dataclasses import asdict, replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from small import SHAPES, VARIANTS, exported, random_run, write_text

from janelm.config import SamplingConfig, TiktokenTokenizerConfig
from janelm.export.graphs import _compact, export_graph, read_description
from janelm.export.precision import quantise
from janelm.site.folder import STEPS, SiteOptions, _vendor, site_files
from janelm.site.models import SiteModel
from janelm.site.rooms import Rooms
from janelm.text.tokenizers import (
    CharacterTokenizer,
    StreamDecoder,
    TiktokenTokenizer,
    train_byte_pairs,
)
from janelm.text.words import WordTokenizer, train_words
from janelm.writing.generation import Limits, generate_samples, prompt_tokens

TESTS = Path(__file__).parents[1]
GOLDEN = TESTS / "golden/tokenizers.json"
BOTH = pytest.mark.parametrize("tokenizer", ["character", "tiktoken"])
KINDS = pytest.mark.parametrize("kind", list(VARIANTS))


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
        "byte pairs and special tokens": TiktokenTokenizer(config, ranks[:300], documents=True, specials=2),
    }
    single = [bytes([value]) for value in range(256)]
    over_spaces = [*single, b" \xc2", b" \xc2\x85", b"\xef\xbb", b"\xef\xbb\xbf", b"!\xef\xbb\xbf"]
    tokenizers["white space that JavaScript sees otherwise"] = TiktokenTokenizer(config, over_spaces)
    words = train_words(sample, 500, config.pattern)
    tokenizers["words"] = WordTokenizer(config.pattern, words)
    tokenizers["words of documents"] = WordTokenizer(config.pattern, words, documents=True)
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
    for kind in VARIANTS:
        for tokenizer in ("character", "tiktoken"):
            run, graph = model_run(kind, tokenizer)
            models[f"{kind}-{tokenizer}"] = run, graph
            for precision in ("int8", "int8-weights", "int6-weights"):
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


def write_engine_site(
    folder: Path,
    names: list[str] | None = None,
    app_change: str = "",
    rooms: Rooms | None = None,
    runtime: str = "native",
) -> None:
    """A site of these models, of all that the runtime runs by default; `app_change` makes the page's own files those of
    another version."""
    every = site_models()
    if runtime == "native":
        every = {
            name: (run, graph)
            for name, (run, graph) in every.items()
            if not name.endswith("-int8") and run.config.model.kind in STEPS
        }
    models = {name: model for name, model in every.items() if names is None or name in names}
    entries = [SiteModel(*model_entry(name, *model)) for name, model in models.items()]
    options = SiteOptions(runtime=runtime)
    files = site_files(entries, _vendor(options, lambda line: None), options, rooms)
    if app_change:
        old = json.loads(files["manifest.json"])["app"][0].split("/")[0]
        new = f"app-{hashlib.sha256(app_change.encode()).hexdigest()[:8]}"
        files = {path.replace(old, new): content.replace(old.encode(), new.encode()) for path, content in files.items()}
    for path, content in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(content)


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


def with_all_models(browser, address: str):
    """A page whose engine has every model loaded, for a fixture."""
    page = browser.new_page()
    open_engine(page, address)
    page.evaluate("async () => { for (const { name } of manifest.models) await engine.load(name); }")
    yield page
    page.close()


def sampling(**options) -> dict:
    return asdict(SamplingConfig(**options))


def answer(page, function: str, *given):
    """What an async function of the page returns, as JSON: Playwright's own way looks at each number several times."""
    told = page.evaluate(f"async given => JSON.stringify(await ({function})(...JSON.parse(given)))", json.dumps(given))
    return json.loads(told)


def write(page, name: str, prompt: str, count: int, settings: dict, **options) -> dict:
    return answer(page, "write", name, {"text": prompt, "num_tokens": count, "sampling": settings, **options})


def tokens(written: dict) -> list[int]:
    return [info["token"] for info in written["tokens"]]


def python_tokens(run, engine, prompt: str, count: int, settings: dict, stop=(), memory=None):
    pieces = generate_samples(
        run, prompt, Limits(count, tuple(stop)), SamplingConfig(**settings), memory=memory, engine=engine
    )
    pieces = list(pieces)
    return [piece.token for piece in pieces], "".join(piece.text for piece in pieces)


def python_logits(engine, tokenizer, text: str) -> np.ndarray:
    context = np.array([tokenizer.started(prompt_tokens(tokenizer, text))], np.int64)
    return engine.step(context, engine.initial_state(1))[0][0]


def options(text: str, **more) -> dict:
    return {"text": text, "num_tokens": 10, "sampling": sampling()} | more


def module(page, name: str) -> str:
    return page.evaluate("name => `${manifest.app[0].split('/')[0]}/engine/${name}`", name)


LOAD = """async name => {
    const told = [];
    const loaded = await engine.load(name, progress => told.push(progress));
    return { loaded, told };
}"""


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


if __name__ == "__main__":
    GOLDEN.write_text(
        json.dumps(golden_tokenizers()).replace('{"text', '\n{"text').replace('{"tokens', '\n{"tokens') + "\n"
    )
