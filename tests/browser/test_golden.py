"""The page's random numbers, sampler and tokenizers against golden vectors and against Python."""

from __future__ import annotations

import json
import random
import unicodedata

import numpy as np

from browser.engine_site import GOLDEN, TESTS, golden_tokenizers, model_run, module, sampling
from janelm.config import DataConfig, SamplingConfig
from janelm.export.graphs import _compact, read_tokenizer
from janelm.text.tidying import as_trained, of_prompts
from janelm.writing.sampling import Sampler


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
    texts += [
        "ACGT" * 2000,
        "a " * 9 + " " * 9000 + "a",
        "漢😀" * 3000,
        "a" * 4096,
        " " + "b" * 4096,
        "\n" * 4097 + "x",
    ]
    golden = {
        "all": {
            "tokenizer": _compact(run.tokenizer),
            "texts": [{"text": text, "tokens": run.tokenizer.encode(text).tolist(), "unknown": []} for text in texts],
            "decoded": [],
        }
    }
    assert engine.evaluate(CHECK_TOKENIZERS, [module(engine, "tokenizer.js"), golden]) == []


def test_a_group_without_case_is_spelled_out_for_older_browsers(engine):
    """As the browser itself reads it, for every character."""
    spells = """async ([path, pattern]) => {
        const { javaScriptPattern } = await import(new URL(path, location.href));
        const ours = javaScriptPattern(pattern);
        const [spelled, native] = [ours, pattern].map(one => new RegExp(`^(?:${one})$`, "u"));
        const texts = Array.from({ length: 0x10000 }, (_, code) => String.fromCharCode(code))
            .flatMap(one => [`'${one}`, `'${one}${one}`, `'v${one}`]);
        return [ours, texts.filter(text => spelled.test(text) !== native.test(text))];
    }"""
    spelled, otherwise = engine.evaluate(spells, [module(engine, "tokenizer.js"), "'(?i:[sdmtk]|ll|ve|re)"])
    assert "(?i" not in spelled and otherwise == []


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
        return outputs.map(() => random.word());
    });
    const { Spelling } = await import(new URL(`${folder}spelling.js`, location.href));
    const draws = golden.draws.map(({ config, never, written, logits, tokens, vocabulary, blank }) => {
        const sampler = new Sampler({ ...base, ...config }, never, vocabulary && new Spelling(vocabulary));
        sampler.note(written, true);
        if (blank) sampler.beginWithBlank();
        return tokens.map(() => sampler.draw(Float64Array.from(logits)));
    });
    return { uniform, draws };
}"""

CHECK_SPELLING = """async ([module, cases]) => {
    const { Spelling } = await import(new URL(module, location.href));
    return cases.map(({ vocabulary, steps }) => {
        const spelling = new Spelling(vocabulary);
        let begun = "";
        return [spelling.never, steps.map(([token]) => {
            begun = spelling.after(begun, token);
            return [token, begun, spelling.barred(begun)];
        })];
    });
}"""


def test_what_may_stand_next_agrees_with_the_golden_vectors(engine):
    golden = json.loads((TESTS / "golden/sampling.json").read_text())["spelling"]
    found = engine.evaluate(CHECK_SPELLING, [module(engine, "spelling.js"), golden])
    assert found == [[case["never"], case["steps"]] for case in golden]


def test_what_is_remembered_of_begun_characters_does_not_grow_in_the_page_either(engine):
    check = """async module => {
        const { Spelling } = await import(new URL(module, location.href));
        const spelling = new Spelling(["a", "\\x80", "\\xbf", "\\xf0\\x90"]);
        const begun = [""];
        for (let byte = 0x80; byte < 0xc0; byte++) begun.push("\\xf0\\x9f" + String.fromCharCode(byte));
        const told = begun.map(one => spelling.barred(one));
        spelling.barred("\\xc3");
        const kept = begun.filter((one, i) => spelling.barred(one) === told[i]);
        return [kept.includes(""), kept.length, begun.every((one, i) => `${spelling.barred(one)}` === `${told[i]}`)];
    }"""
    begins_kept, kept, same = engine.evaluate(check, module(engine, "spelling.js"))
    assert begins_kept and kept < 64 and same


def test_the_same_tokens_are_never_written_of_every_tokenizer(engine):
    golden = json.loads(GOLDEN.read_text())
    bars = """async ([module, tokenizers]) => {
        const { tokenizerFromJSON } = await import(new URL(module, location.href));
        return tokenizers.map(tokenizerFromJSON).map(ours => [
            ours.neverWritten.sort((a, b) => a - b),
            ...["", "\\xc3", "\\xef\\xbf"].map(begun => ours.spelling.barred(begun))
        ]);
    }"""
    found = engine.evaluate(bars, [module(engine, "tokenizer.js"), [case["tokenizer"] for case in golden.values()]])
    tokenizers = [read_tokenizer(case) for case in golden.values()]
    assert found == [
        [one.never_written, *(one.spelling.barred(begun).tolist() for begun in (b"", b"\xc3", b"\xef\xbf"))]
        for one in tokenizers
    ]


def test_random_numbers_and_draws_agree_with_the_golden_vectors(engine):
    golden = json.loads((TESTS / "golden/sampling.json").read_text())
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


CHECK_PROMPTS = """async ([module, text]) => {
    const { asTrained, placesBefore } = await import(new URL(module, location.href));
    return JSON.parse(text).map(([prompt, prompts]) => {
        const trained = asTrained(prompt, prompts);
        return [trained, placesBefore(prompt, prompts, [...Array(trained.length + 1).keys()])];
    });
}"""


def test_prompts_are_made_as_the_training_text_was_here_and_on_the_page(engine):
    prompts = [
        "e\u0301tude",
        "a\r\nb\rc",
        "\u201cIt\u2019s\u201d \u00abHE\u00bb",
        "J\u030c \u0130 \u039f\u03a3",
        "\x00a\ufeffb",
    ]
    prompts += [
        "\u1112\u1161\u11ab \uac00\u11a8",
        "\u0915\u093c\u093f",
        "\U0001f600e\u0301\u0323",
        "",
        "\u0301a",
        "\ufb01 \u212b",
    ]
    options = [DataConfig(), DataConfig(rules=1), DataConfig(straighten_quotes=True, lower_case=True)]
    cases = [(prompt, option) for prompt in prompts for option in options]
    asked = json.dumps([(prompt, of_prompts(option)) for prompt, option in cases])
    found = engine.evaluate(CHECK_PROMPTS, [module(engine, "prompts.js"), asked])
    for (prompt, option), (trained, places) in zip(cases, found, strict=True):
        assert trained == as_trained(prompt, option)
        assert places == sorted(places), prompt
        assert places[-1] == len(prompt.encode("utf-16-le")) // 2, prompt
        if trained == prompt:
            assert places == list(range(len(places)))


def test_the_parts_of_a_prompt_are_those_that_stand_in_the_field(engine):
    """A letter and its mark, typed as two, are one token of a text in its normal form."""
    values = {"kind": "character", "characters": "aé", "documents": False}
    check = """async ([module, values, prompts]) => {
        const { tokenizerFromJSON } = await import(new URL(module, location.href));
        return tokenizerFromJSON(values, prompts).spans("ae\u0301a");
    }"""
    found = engine.evaluate(check, [module(engine, "tokenizer.js"), values, of_prompts(DataConfig())])
    assert found == [
        {"token": 0, "start": 0, "end": 1},
        {"token": 1, "start": 1, "end": 3},
        {"token": 0, "start": 3, "end": 4},
    ]
