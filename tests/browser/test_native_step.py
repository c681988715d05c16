"""The page's own step, janelm/engines/native/ as WebAssembly: what it says, what it reads, and what it refuses."""

from __future__ import annotations

import base64
import subprocess
import tempfile
from pathlib import Path

import numpy as np
import onnx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from onnx import numpy_helper
from small import generate_tokens, write_text

from browser.engine_site import LOAD, answer, model_entry, module, open_engine, sampling, site_models, tokens, write
from janelm.config import SamplingConfig
from janelm.engines import NativeEngine, OnnxEngine
from janelm.engines.native_engine import SOURCE
from janelm.export.precision import quantise
from janelm.site.folder import RELAXED_STEP, STEP, STEPS, _web

KINDS = pytest.mark.parametrize("kind", [*STEPS, "bigrams"])
PRECISIONS = pytest.mark.parametrize("precision", NativeEngine.precisions)

START = """async ([native, memory, onnx, step]) => {
    const url = path => new URL(path, location.href).href;
    Object.assign(window, await import(url(native)), await import(url(memory)), await import(url(onnx)));
    const bytes = await (await fetch(url(step))).arrayBuffer();
    window.exported = (await WebAssembly.instantiate(bytes, {})).instance.exports;
    window.fileOf = async name => {
        const { file } = manifest.models.find(model => model.name === name);
        return new Uint8Array(await (await fetch(file)).arrayBuffer());
    };
    window.describe = name => structuredClone(manifest.models.find(model => model.name === name).description);
    window.unpacked = text => Uint8Array.from(atob(text), letter => letter.charCodeAt(0));
    window.refusal = make => {
        try { make(); } catch (error) { return { kind: error.kind ?? error.name, message: error.message }; }
        return null;
    };
}"""


def packed(content: bytes | bytearray) -> str:
    return base64.b64encode(content).decode()


@pytest.fixture(scope="module")
def step(engine):
    """A page with the step beside its worker's."""
    modules = [module(engine, name) for name in ("native.js", "memory.js", "onnx.js", "step.wasm")]
    engine.evaluate(START, modules)
    return engine


@pytest.mark.needs("clang")
def test_the_committed_webassembly_is_what_the_source_makes_to_the_byte():
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([SOURCE.with_name("build.sh"), folder], check=True)
        for path in (STEP, RELAXED_STEP):
            made = Path(folder, Path(path).name).read_bytes()
            assert made == _web()[path], "run janelm/engines/native/build.sh and commit what it makes"


def test_the_step_has_a_function_for_each_kind_and_asks_for_nothing(step):
    found = step.evaluate("Object.keys(exported)")
    assert set(STEPS) <= set(found)


@KINDS
@PRECISIONS
def test_the_same_seed_writes_the_same_2000_tokens_as_the_engine_in_python(engine, kind, precision):
    name = f"{kind}-character" + ("" if precision == "fp32" else f"-{precision}")
    run, _ = site_models()[name]
    theirs = generate_tokens(run, "The", 2000, SamplingConfig(seed=5), engine=NativeEngine(run, precision))
    assert tokens(write(engine, name, "The", 2000, sampling(seed=5))) == theirs


@KINDS
def test_a_browser_without_relaxed_simd_writes_the_same_2000_tokens(context, engine_address, kind):
    page, asked = context.new_page(), []
    page.on("request", lambda request: asked.append(request.url))
    page.add_init_script("WebAssembly.validate = bytes => bytes.length !== 37")  # those that ask for relaxed SIMD
    open_engine(page, engine_address)
    page.evaluate(LOAD, f"{kind}-character")
    run, _ = site_models()[f"{kind}-character"]
    theirs = generate_tokens(run, "The", 2000, SamplingConfig(seed=6), engine=NativeEngine(run))
    assert tokens(write(page, f"{kind}-character", "The", 2000, sampling(seed=6))) == theirs
    assert [url for url in asked if url.endswith("/step.wasm")] and not [url for url in asked if "relaxed" in url]


@KINDS
@PRECISIONS
def test_a_browser_that_rounds_once_says_what_the_engine_in_python_says_to_the_bit(step, engine, kind, precision):
    """Any processor with fused products, and any length of its vectors: sums are added up in one order."""
    name = f"{kind}-character" + ("" if precision == "fp32" else f"-{precision}")
    run, _ = site_models()[name]
    steps = """async (address, name, chunks) => {
        const bytes = await (await fetch(address)).arrayBuffer();
        const { exports } = (await WebAssembly.instantiate(bytes, {})).instance;
        const model = new NativeModel(exports, await fileOf(name), describe(name));
        const state = model.initialState();
        return chunks.map(tokens => Array.from(model.step(tokens, state).logits.data));
    }"""
    rng = np.random.default_rng(1)
    chunks = [rng.integers(0, run.tokenizer.vocab_size, size).tolist() for size in (1, 7, 1, 40, 1, 1)]
    found = answer(step, steps, module(engine, "step-relaxed.wasm"), name, chunks)
    native = NativeEngine(run, precision, threads=1)
    state = native.initial_state(1)
    for ours, tokens_read in zip(found, chunks, strict=True):
        theirs, state = native.step(np.array([tokens_read]), state)
        np.testing.assert_array_equal(np.array(ours, np.float32), theirs[0])


def test_float16_weights_are_widened_to_the_bit(step):
    """Among them the smallest, which float16 writes in another way, and what is no number."""
    halves = np.arange(2**16, dtype=np.uint16)
    expected = halves.view(np.float16).astype(np.float32)
    widen = """() => {
        const memory = new Memory(exported);
        const [from, to] = [memory.tensor("int8", [2 * 65536]), memory.tensor("float32", [65536])];
        new Uint16Array(memory.buffer, from.address, 65536).forEach((_, i, halves) => { halves[i] = i; });
        exported.lay_halves(from.address, 256, 256, false, to.address);
        return Array.from(new Uint32Array(memory.buffer, to.address, 65536));
    }"""
    found = np.array(answer(step, widen), np.uint32).view(np.float32)
    np.testing.assert_array_equal(found, expected)


@KINDS
def test_half_precision_says_what_its_rounded_weights_say(step, kind):
    run, graph = site_models()[f"{kind}-character"]
    half = quantise(graph, "fp16")
    content, entry = model_entry("half", run, half)
    steps = """(file, description, tokens) => {
        const model = new NativeModel(exported, unpacked(file), description);
        return Array.from(model.step(tokens, model.initialState()).logits.data);
    }"""
    read = [3, 1, 4, 1, 5, 9, 2, 6]
    found = answer(step, steps, packed(content), entry["description"], read)
    engine = OnnxEngine(half, threads=1)
    expected, _ = engine.step(np.array([read]), engine.initial_state(1))
    np.testing.assert_allclose(found, expected[0], atol=1e-4)


@KINDS
def test_states_and_steps_give_their_memory_back(step, kind):
    """Else a long text, or each change of the memory setting, would take some more until there is none."""
    again = """async name => {
        const model = new NativeModel(exported, await fileOf(name), describe(name));
        const write = (memory, count) => {
            const state = model.initialState(memory);
            for (let token = 0; token < count; token++) model.step([token % 20], state);
            model.step(Array(64).fill(3), state);
            state.free();
        };
        for (let memory = 5; memory < 15; memory++) write(memory, 40);
        const before = exported.memory.buffer.byteLength;
        for (let round = 0; round < 5; round++) for (let memory = 5; memory < 15; memory++) write(memory, 400);
        return [before, exported.memory.buffer.byteLength];
    }"""
    before, after = step.evaluate(again, f"{kind}-character")
    assert after == before


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.booleans(), st.integers(0, 9), st.integers(1, 3000)), max_size=60))
def test_memory_that_is_taken_overlaps_no_other_and_is_found_again(step, asks):
    """Blocks of any sizes, taken and given back in any order, keep what is written to them."""
    takes = """asks => {
        const memory = new Memory(exported);
        const held = [];
        let intact = true;
        for (const [gives, which, size] of asks) {
            if (gives && held.length) {
                const [{ room, mark }] = held.splice(which % held.length, 1);
                intact &&= room.data.every(value => value === mark);
                room.free();
            } else {
                const room = memory.tensor("int8", [size]);
                const mark = held.length + 1;
                intact &&= room.data.every(value => value === 0) && room.address % 64 === 0;
                room.data.fill(mark);
                held.push({ room, mark });
            }
        }
        for (const { room, mark } of held) {
            intact &&= room.data.every(value => value === mark);
            room.free();
        }
        return intact;
    }"""
    assert step.evaluate(takes, asks)


def test_what_finds_no_room_says_so_and_the_step_goes_on(step):
    fills = """() => {
        const memory = new Memory(exported);
        const held = [];
        const told = refusal(() => { for (;;) held.push(memory.allocate(500_000_000)); });
        for (const address of held) memory.release(address);
        return [told.message, refusal(() => memory.allocate(2 ** 33)).message, memory.tensor("int8", [5]).data.length];
    }"""
    *told, length = step.evaluate(fills)
    assert all("could not allocate" in message for message in told) and length == 5


def test_a_token_that_is_none_is_refused_before_memory_is_read_there(step):
    asks = """async name => {
        const model = new NativeModel(exported, await fileOf(name), describe(name));
        const state = model.initialState();
        return [-1, 10 ** 6, 0.5, NaN].map(token => refusal(() => model.step([token], state)) !== null);
    }"""
    assert all(step.evaluate(asks, "lstm-character"))


# ---- Damaged files ----

MAKE = """([file, name]) => refusal(() => new NativeModel(exported, unpacked(file), describe(name)))"""
NAME = "lstm-character-int8-weights"


@pytest.fixture(scope="module")
def file() -> bytes:
    return model_entry(NAME, *site_models()[NAME])[0]


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_a_damaged_file_is_one_sentence_or_a_model_of_the_same_shape(step, file, data):
    damaged = bytearray(file[: data.draw(st.integers(0, len(file)))] if data.draw(st.booleans()) else file)
    for _ in range(data.draw(st.integers(0, 4))):
        if damaged:
            damaged[data.draw(st.integers(0, len(damaged) - 1))] = data.draw(st.integers(0, 255))
    found = step.evaluate(MAKE, [packed(damaged), NAME])
    assert found is None or (found["kind"] == "corrupted" and found["message"].count("\n") == 0), found


def _graph_of(*tensors: onnx.TensorProto) -> bytes:
    return onnx.ModelProto(graph=onnx.GraphProto(initializer=tensors)).SerializeToString()


WEIGHT = numpy_helper.from_array(np.zeros((2, 3), np.float32), "weight")
HOSTILE = {
    "nothing": (b"", "has no"),
    "a length beyond the file": (b"\x3a\xff\xff\xff\xff\x0f\x00", "ends too early"),
    "a length beyond any": (b"\x3a" + b"\xff" * 9 + b"\x01", "ends too early"),
    "a number without an end": (b"\x3a" + b"\x80" * 20, "without an end"),
    "a group": (b"\x3b\x3c", "no known kind"),
    "a number for a message": (b"\x38\x01", "a number where"),
    "two of a name": (_graph_of(WEIGHT, WEIGHT), "two constants"),
    "sizes that overflow": (
        _graph_of(onnx.TensorProto(name="weight", dims=[2**62, 2**62], data_type=1, raw_data=b"\0" * 8)), "8 bytes of"
    ),
    "a size below nothing": (
        _graph_of(onnx.TensorProto(name="weight", dims=[-1, -2], data_type=1, raw_data=b"\0" * 8)), "8 bytes of"
    ),
    "numbers elsewhere": (
        _graph_of(onnx.TensorProto(name="weight", dims=[1], data_type=1, data_location=1)), "another file"
    ),
}  # fmt: skip


@pytest.mark.parametrize("kind", HOSTILE)
def test_a_hostile_file_is_refused_for_what_is_wrong_with_it(step, kind):
    content, reason = HOSTILE[kind]
    found = step.evaluate(MAKE, [packed(content), NAME])
    assert found["kind"] == "corrupted" and reason in found["message"]


def test_weights_of_other_sizes_than_described_are_refused(step, file):
    changed = """([file, name]) => ["width", "layers"].map(part => {
        const description = describe(name);
        description.config[part] += 1;
        return refusal(() => new NativeModel(exported, unpacked(file), description));
    })"""
    width, layers = step.evaluate(changed, [packed(file), NAME])
    assert "by" in width["message"] and "has no" in layers["message"]


def test_a_browser_without_simd_is_told_what_it_lacks(launch, engine_address):
    """Where no processor instructions for it are allowed, Chromium refuses WebAssembly with SIMD."""
    browser = launch("--js-flags=--no-enable-ssse3 --no-enable-sse4-1 --no-enable-avx")
    page = browser.new_page()
    open_engine(page, engine_address)
    failure = page.evaluate("() => fails(engine.load('lstm-character'))")
    browser.close()
    assert failure["kind"] == "no-webassembly" and "SIMD" in failure["message"]


def test_the_inside_of_both_runtimes_is_the_same(engine, onnx_engine):
    looks = """text => engine.look("transformer-character", text).then(({ spans, attention }) =>
        ({ spans, attention: attention.map(layer => Array.from(layer)) }))"""
    text = write_text(5)[:60]
    ours, theirs = answer(engine, looks, text), answer(onnx_engine, looks, text)
    assert ours["spans"] == theirs["spans"]
    np.testing.assert_allclose(ours["attention"], theirs["attention"], atol=1e-5)


def test_a_model_of_the_page_is_loaded_from_its_file_alone(page, small_site):
    open_engine(page, small_site[1])
    assert page.evaluate(LOAD, "lstm-character")["loaded"]["bytes"] < 1e6


SEVERAL = """async (name, seeds, more) => {
    const options = { text: "The old miller", num_tokens: 60, ...more };
    const alone = [];
    for (const seed of seeds) {
        const one = await write(name, { ...options, sampling: { ...options.sampling, seed } });
        alone.push({ text: one.text, tokens: one.tokens, logits: one.logits, reason: one.summary.reason });
    }
    const several = seeds.map(() => ({ text: "", tokens: [] }));
    const written = engine.writeEach(name, options, seeds, ({ number, text, tokens, logits }) => {
        several[number].text += text;
        several[number].tokens.push(...tokens);
        several[number].logits = Array.from(logits);
    });
    const summaries = await written.done;
    return [alone, several.map((one, i) => ({ ...one, reason: summaries[i].reason }))];
}"""


@KINDS
@PRECISIONS
def test_texts_that_are_written_side_by_side_are_to_the_bit_those_that_are_written_alone(engine, kind, precision):
    """Of five seeds, some of which end sooner than others by the text that ends them."""
    name = f"{kind}-character" + ("" if precision == "fp32" else f"-{precision}")
    more = {"sampling": sampling(seed=0), "stop": ["e"], "alternatives": 2}
    for change in ({}, {"stop": []}, {"memory": 7}):
        alone, several = answer(engine, SEVERAL, name, [3, 4, 5, 9, 2**40], more | change)
        assert several == alone
    assert len({one["text"] for one in several}) == 5


def test_where_a_model_takes_no_steps_side_by_side_texts_are_written_one_after_the_other(onnx_engine):
    alone, several = answer(onnx_engine, SEVERAL, "lstm-character", [1, 2, 3], {"sampling": sampling(seed=0)})
    assert several == alone


def test_where_there_is_no_room_for_more_texts_the_rest_is_written_afterwards(step, engine):
    write_both = """async ([app, name, options]) => {
        const url = path => new URL(`${app}/engine/${path}`, location.href).href;
        const { Context, Expectation } = await import(url("context.js"));
        const generation = await import(url("generation.js"));
        const model = new NativeModel(exported, await fileOf(name), describe(name));
        const texts = [];
        for (const room of [3, 1]) {
            let held = 1;
            const context = new Context(model);
            const { state } = context;
            const copy = state.copied.bind(state);
            state.copied = () => { if (++held > room) throw new Error("out of memory"); return copy(); };
            const task = generation.write(context, new Expectation(model), options, { stopped: false }, [1, 2, 3]);
            const found = ["", "", ""];
            for await (const { frames = [] } of task) for (const { number, text } of frames) found[number] += text;
            texts.push(found);
            context.free();
        }
        return texts;
    }"""
    app = module(engine, "").split("/")[0]
    options = {"text": "The old", "num_tokens": 20, "sampling": sampling(seed=0)}
    together, apart = step.evaluate(write_both, [app, "transformer-character", options])
    assert together == apart and len(set(apart)) == 3 and all(apart)
