"""Tensors in the memory of the WebAssembly, and what runs on them: janelm/web/engine/session.js."""

from __future__ import annotations

import pytest

from browser.engine_site import KINDS, module

START = """async ([session, runtime, model]) => {
    const url = path => new URL(path, location.href).href;
    const { startRuntime } = await import(url(runtime));
    const compiled = WebAssembly.compileStreaming(fetch(manifest.runtime.wasm));
    window.heap = await startRuntime({ glue: url(manifest.runtime.glue), integrity: null }, compiled);
    Object.assign(window, await import(url(session)), await import(url(model)));
    window.modelOf = async name => {
        const { file, description } = manifest.models.find(model => model.name === name);
        return Model.create(heap, new Uint8Array(await (await fetch(file)).arrayBuffer()), description);
    };
}"""


@pytest.fixture
def memory(onnx_engine):
    """A page with a runtime of its own, outside a worker."""
    onnx_engine.evaluate(START, [module(onnx_engine, name) for name in ("session.js", "runtime.js", "model.js")])
    return onnx_engine


def test_a_tensor_stays_what_it_is_while_memory_grows(memory):
    """Growing memory leaves the views of it behind."""
    same = """() => {
        const tensor = new HeapTensor(heap, "int64", [2, 3]);
        tensor.data.set([1n, 2n, 3n, 4n, 5n, 6n]);
        const [before, handle] = [heap.HEAPU8.length, tensor.handle];
        const large = new HeapTensor(heap, "float32", [30_000_000]);
        const grown = heap.HEAPU8.length > before;
        large.free();
        tensor.resize([2, 3]);
        return [grown, tensor.handle === handle, Array.from(tensor.data, Number)];
    }"""
    assert memory.evaluate(same) == [True, True, [1, 2, 3, 4, 5, 6]]


def test_a_resized_tensor_holds_zeros_of_the_new_sizes(memory):
    resized = """() => {
        const tensor = new HeapTensor(heap, "float32", [4]);
        tensor.data.fill(7);
        tensor.resize([2, 3]);
        return [tensor.dims, Array.from(tensor.data)];
    }"""
    assert memory.evaluate(resized) == [[2, 3], [0] * 6]


@KINDS
def test_states_give_their_memory_back(memory, kind):
    """Else each change of the memory setting would take some megabytes more."""
    again = """async name => {
        const model = await modelOf(name);
        const write = memory => {
            const state = model.initialState(memory);
            for (let token = 0; token < 40; token++) model.step([token % 20], state);
            model.step([1, 2, 3], state);
            state.free();
        };
        write(5); // names that are kept
        let held = 0;
        const { _malloc, _free } = heap;
        heap._malloc = bytes => { held++; return _malloc(bytes); };
        heap._free = address => { held--; _free(address); };
        const most = [];
        for (let memory = 5; memory < 15; memory++) {
            const state = model.initialState(memory);
            most.push(held);
            state.free();
            write(memory);
        }
        return [held, Math.min(...most)];
    }"""
    held, least = memory.evaluate(again, f"{kind}-character")
    assert held == 0 and least >= 2


def test_a_tensor_that_finds_no_room_says_so(memory):
    fills = """() => {
        try { new HeapTensor(heap, "float32", [1_073_000_000]); } catch (error) { return error.message; }
    }"""
    assert "allocate" in memory.evaluate(fills)


def test_what_onnx_runtime_refuses_is_an_error_with_its_reason(memory):
    refused = """async () => {
        const told = [];
        const model = new Uint8Array(100).fill(7);
        await Session.create(heap, model).catch(error => told.push(error.message));
        const ours = await modelOf("lstm-character");
        const state = ours.initialState();
        const inputs = state.inputs(1);
        inputs.hidden.resize([1, 1, 1]);
        try { ours.step([1], state); } catch (error) { told.push(error.message); }
        return told;
    }"""
    model, sizes = memory.evaluate(refused)
    assert "protobuf" in model.lower() and "hidden" in sizes
