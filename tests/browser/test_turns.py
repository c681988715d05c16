"""Writing in the page's worker: stopping, pacing, side by side, and for a long time."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from small import write_text

from browser.engine_site import open_engine, options, sampling, write


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


def test_a_writing_stops_while_its_prompt_is_read(engine):
    stops = """async options => {
        let frames = 0;
        const written = engine.write("lstm-character-int8-weights", options, () => frames++);
        written.stop();
        const { reason, tokens } = await written.done;
        return { reason, tokens, frames };
    }"""
    found = engine.evaluate(stops, options(write_text(200)))
    assert found == {"reason": "stopped", "tokens": 0, "frames": 0}


def test_a_paced_writing_keeps_its_pace_and_stops_while_it_waits(engine):
    found = write(engine, "lstm-character", "The", 11, sampling(), pace=20)
    assert found["summary"]["seconds"] > 0.45  # a busy machine may be slower, and show two tokens at once
    assert found["frames"] >= 5
    stops = """async options => {
        let stopped;
        const written = engine.write("lstm-character", options, () => { stopped = performance.now(); written.stop(); });
        const { reason } = await written.done;
        return [reason, performance.now() - stopped];
    }"""
    reason, after = engine.evaluate(stops, options("The", pace=0.1))
    assert reason == "stopped" and after < 5000  # where the next token is ten seconds away


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
        worker = min(_worker_heap(session) for _ in range(3))  # on a busy machine it comes to its garbage late
        used.append((heap, worker, _renderer_memory(browser, page)))
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
    collect = "HeapProfiler.collectGarbage"  # twice, since what the first ends may have held more
    for number, method in enumerate((collect, collect, "Runtime.getHeapUsage")):
        message = json.dumps({"id": number, "method": method})
        session.send("Target.sendMessageToTarget", {"sessionId": attached[0], "message": message})
    while 2 not in answers:
        session.send("Runtime.getHeapUsage")  # lets the answers in
    session.send("Target.setAutoAttach", {"autoAttach": False, "waitForDebuggerOnStart": False, "flatten": False})
    return answers[2]["result"]["usedSize"]


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
