"""The API, asked by the clients that programs have."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import socket
import subprocess
import sys

import httpx
import numpy as np
import openai
import pytest
from langchain_openai import OpenAI as LangChain
from prometheus_client.parser import text_string_to_metric_families

from janelm import SamplingConfig, generate, load_run
from janelm.measuring.scoring import Reader
from janelm.studio import server
from studio.conftest import ask_all_that_is_described, until


@pytest.fixture
def programs(client):
    return openai.OpenAI(base_url=f"{client.base_url}/v1/", api_key="none", max_retries=0)


@pytest.mark.parametrize("model", ["transformer", "lstm"])
def test_the_openai_client_gets_what_janelm_writes(programs, trained, model):
    assert {one.id for one in programs.models.list()} == {"transformer", "lstm"}
    asked = {"model": model, "prompt": "The", "max_tokens": 40, "seed": 7, "temperature": 0.8}
    wanted = ["".join(generate(load_run(trained / model), "The", 40, SamplingConfig(seed=seed))) for seed in (7, 8)]
    whole = programs.completions.create(**asked, n=2)
    assert [choice.text for choice in whole.choices] == wanted
    assert [choice.finish_reason for choice in whole.choices] == ["length"] * 2
    assert whole.usage.completion_tokens == 80 and whole.usage.total_tokens == 80 + whole.usage.prompt_tokens
    streamed, usage = ["", ""], None
    for piece in programs.completions.create(**asked, n=2, stream=True, stream_options={"include_usage": True}):
        usage = piece.usage or usage
        for choice in piece.choices:
            streamed[choice.index] += choice.text
    assert streamed == wanted and usage == whole.usage
    stopped = programs.completions.create(**asked, stop=[wanted[0][9:12]]).choices[0]
    assert stopped.text == wanted[0][: wanted[0].index(wanted[0][9:12])] and stopped.finish_reason == "stop"


def test_a_second_makers_client_writes_too(client, trained):
    model = LangChain(base_url=f"{client.base_url}/v1/", api_key="none", model="lstm", seed=3, max_tokens=20)
    wanted = "".join(generate(load_run(trained / "lstm"), "The", 20, SamplingConfig(temperature=0.7, seed=3)))
    assert model.invoke("The") == wanted == "".join(model.stream("The"))


def test_probabilities_are_the_models_and_an_echoed_prompt_has_them_too(programs, trained):
    import torch

    run = load_run(trained / "transformer")
    tokens = run.tokenizer.encode("My aunt forgot it.")[:15]
    answer = programs.completions.create(
        model="transformer", prompt=tokens.tolist(), max_tokens=2, echo=True, logprobs=3, seed=1
    ).choices[0]
    told, text = answer.logprobs, answer.text
    wanted = Reader(run.model).read(torch.tensor(tokens[None, :-1]), torch.tensor(tokens[None, 1:]))[0].numpy()
    np.testing.assert_allclose(
        told.token_logprobs[1 : len(tokens)], wanted[range(len(tokens) - 1), tokens[1:]], atol=1e-4
    )
    assert told.token_logprobs[0] is None and len(told.tokens) == len(tokens) + 2
    assert all(text[at : at + len(token)] == token for at, token in zip(told.text_offset, told.tokens, strict=True))
    assert all(len(top) <= 3 and max(top.values()) <= 0 for top in told.top_logprobs[1:])
    only = programs.completions.create(model="transformer", prompt=tokens.tolist(), max_tokens=0, echo=True, logprobs=0)
    assert only.choices[0].logprobs.token_logprobs == told.token_logprobs[: len(tokens)]


def test_a_score_is_bits_per_byte_and_its_tokens_add_up_to_it(client):
    text = "Nobody forgot the café."
    found = client.post("/v1/score", json={"model": "transformer", "input": text, "tokens": True}).json()
    assert found["bytes"] == len(text.encode()) and found["bits"] == pytest.approx(
        found["bits_per_byte"] * found["bytes"]
    )
    assert sum(token["bits"] for token in found["tokens"]) == pytest.approx(found["bits"])
    other = client.post("/v1/score", json={"model": "transformer", "input": "zqx KW" * 4}).json()
    assert other["bits_per_byte"] > found["bits_per_byte"]


def test_embeddings_have_length_one_and_like_texts_lie_close(programs):
    texts = ["The miller forgot the lamp.", "The miller forgot the rain.", "zzz qqq zzz qqq"]
    found = programs.embeddings.create(model="lstm", input=texts)
    vectors = np.array([one.embedding for one in found.data])
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    assert vectors[0] @ vectors[1] > vectors[0] @ vectors[2]
    plain = programs.embeddings.create(model="lstm", input=texts, encoding_format="float")
    np.testing.assert_allclose(vectors, [one.embedding for one in plain.data], atol=1e-6)


MISTAKES = {
    "no such model": ({"model": "none"}, 404, "no model 'none'"),
    "unknown names": ({"temperatur": 1}, 400, "temperatur"),
    "a temperature that is none": ({"temperature": -1}, 400, "temperature"),
    "best_of": ({"best_of": 3}, 400, "best_of is 3"),
    "a token that is none": ({"prompt": [10**6]}, 400, "not one of the"),
    "an empty stop": ({"stop": ""}, 400, "stop"),
    "nothing to do": ({"max_tokens": 0}, 400, "max_tokens is 0"),
    "a bias for no token": ({"logit_bias": {"x": 1}}, 400, "logit_bias"),
    "a suffix": ({"suffix": "end"}, 400, "suffix"),
    "characters that it never saw": ({"prompt": "漢字", "model": "lstm"}, 400, "knows none of the characters"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
@pytest.mark.parametrize("stream", [False, True])
def test_a_mistake_is_one_sentence_in_the_apis_own_form(client, mistake, stream):
    change, status, sentence = MISTAKES[mistake]
    answer = client.post("/v1/completions", json={"model": "transformer", "prompt": "The", "stream": stream} | change)
    error = answer.json()["error"]
    assert (
        answer.status_code == status
        and sentence in error["message"]
        and set(error) == {"message", "type", "param", "code"}
    )


def test_the_clients_own_errors_are_raised(programs):
    with pytest.raises(openai.NotFoundError):
        programs.completions.create(model="none", prompt="")
    with pytest.raises(openai.BadRequestError):
        programs.completions.create(model="lstm", prompt="The", n=99)


def test_a_busy_server_says_so_and_when_to_come_back(client, shelf, programs):
    asked = {"model": "lstm", "prompt": "The", "max_tokens": 60_000, "n": 8}
    with client.stream("POST", "/v1/completions", json=asked | {"stream": True}) as writing:
        next(lines := writing.iter_lines())
        body = json.dumps(asked).encode()
        head = f"POST /v1/completions HTTP/1.1\r\nhost: localhost\r\ncontent-length: {len(body)}\r\n"
        where = (client.base_url.host, client.base_url.port)
        waiting = [socket.create_connection(where) for _ in range(20)]
        for one in waiting:
            one.sendall(f"{head}content-type: application/json\r\n\r\n".encode() + body)
        until(lambda: shelf.get("lstm").batch.waiting == 20 and lines, 60)
        answer = client.post("/v1/completions", json=asked)
        assert answer.status_code == 429 and answer.headers["retry-after"] and answer.json()["error"]["code"] == "busy"
        with pytest.raises(openai.RateLimitError):
            programs.completions.create(model="lstm", prompt="The")
        for one in waiting:
            one.close()
    until(lambda: not shelf.get("lstm").batch.writing and not shelf.get("lstm").batch.waiting)


@pytest.mark.parametrize("stream", [False, True])
def test_who_hangs_up_is_written_for_no_longer(client, shelf, stream):
    asked = {"model": "transformer", "prompt": "The", "max_tokens": 60_000, "stream": stream}
    batch = shelf.get("transformer").batch
    if stream:
        with client.stream("POST", "/v1/completions", json=asked) as writing:
            next(lines := writing.iter_lines())
            assert batch.writing == 1 and lines  # to let go of the lines would be to hang up
    else:
        with contextlib.suppress(httpx.ReadTimeout):
            client.post("/v1/completions", json=asked, timeout=2)
    until(lambda: batch.writing == 0)


def test_the_figures_are_in_prometheus_form(client, programs):
    programs.completions.create(model="lstm", prompt="The", max_tokens=5)
    families = {one.name: one for one in text_string_to_metric_families(client.get("/metrics").text)}
    drawn = {sample.labels["model"]: sample.value for sample in families["janelm_drawn"].samples}
    assert drawn["lstm"] == 5 and "janelm_first_token_seconds" in families


@pytest.mark.skipif(os.name == "nt", reason="Windows has no fork")
def test_of_several_processes_whichever_is_asked_tells_the_figures_of_all(trained):
    command = [sys.executable, "-m", "janelm", "api", str(trained / "lstm"), "--port", "0", "--engine", "torch"]
    serving = subprocess.Popen([*command, "--workers", "2"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        address = serving.stdout.readline().strip()

        def drawn() -> dict[str, float]:
            families = text_string_to_metric_families(httpx.get(f"{address}metrics", timeout=60).text)
            samples = {one.name: one for one in families}["janelm_drawn"].samples
            return {sample.labels["process"]: sample.value for sample in samples}

        until(lambda: set(drawn()) == {"0", "1"})
        for seed in range(12):
            asked = {"model": "lstm", "prompt": "The", "max_tokens": 5, "seed": seed}
            httpx.post(f"{address}v1/completions", json=asked, timeout=60).raise_for_status()
        until(lambda: sum(drawn().values()) == 60)
        assert drawn() == drawn()
    finally:
        serving.terminate()
        serving.communicate(timeout=60)


SETTINGS = [
    {"temperature": 0.0}, {"temperature": 1.4}, {"top_p": 0.6}, {"top_k": 3}, {"min_p": 0.2},
    {"repetition_penalty": 1.5}, {"no_repeat_ngram_size": 2},
    {"penalty_window": 8, "penalty_slope": 1.0, "repetition_penalty": 1.8},
    {"dry_multiplier": 2.0, "dry_allowed_length": 2},
    {"ban": ["river"], "favour": ["lamp"], "favour_strength": 6.0},
]  # fmt: skip


@pytest.mark.parametrize("setting", SETTINGS, ids=lambda each: next(iter(each)))
def test_each_setting_is_that_of_janelm_write(client, trained, setting):
    asked = {"model": "transformer", "prompt": "The", "max_tokens": 30, "seed": 2, "temperature": 1.0} | setting
    own = {name: tuple(value) if isinstance(value, list) else value for name, value in setting.items()}
    sampling = SamplingConfig(**({"temperature": 1.0, "seed": 2} | own))
    wanted = "".join(generate(load_run(trained / "transformer"), "The", 30, sampling))
    assert client.post("/v1/completions", json=asked).json()["choices"][0]["text"] == wanted


def test_penalties_and_biases_reach_the_draw(client, trained):
    asked = {"model": "lstm", "prompt": "The", "max_tokens": 30, "temperature": 0, "seed": 1}

    def written(**more):
        return client.post("/v1/completions", json=asked | more).json()["choices"][0]["text"]

    plain = written()
    assert len(set(written(presence_penalty=2))) > len(set(plain)) < len(set(written(frequency_penalty=2)))
    token = int(load_run(trained / "lstm").tokenizer.encode(plain[0])[0])
    assert plain[0] not in written(logit_bias={str(token): -100})


def test_the_manual_names_every_path_and_runs_nothing(client):
    page = client.get("/docs").text
    assert all(path in page for path in client.get("/openapi.json").json()["paths"]) and "<script" not in page


def test_no_question_made_from_its_own_description_ends_in_a_500(client):
    assert 200 in ask_all_that_is_described(client, {"model": "lstm", "max_tokens": 20}, 12)


def test_told_to_end_it_lets_a_text_come_to_its_end(trained):
    command = [sys.executable, "-m", "janelm", "api", str(trained / "lstm"), "--port", "0", "--engine", "torch"]
    serving = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        address = serving.stdout.readline().strip()
        asked = {"model": "lstm", "prompt": "The", "max_tokens": 3000, "stream": True, "seed": 1}
        with httpx.stream("POST", f"{address}v1/completions", json=asked, timeout=60) as answer:
            lines = answer.iter_lines()
            next(lines)
            serving.send_signal(signal.SIGTERM)
            told = [next(lines), *lines]
        assert '"finish_reason": "length"' in told[-4] and told[-2] == "data: [DONE]"
        assert serving.wait(timeout=30) in (0, -signal.SIGTERM)
    finally:
        serving.kill()
        serving.communicate()


def test_a_port_that_is_taken_is_one_sentence():
    opened = server.listening(server.Place(port=0))
    port = opened.getsockname()[1]
    command = [sys.executable, "-m", "janelm", "api", "lstm", "--port", str(port)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 1 and re.fullmatch(r".*cannot serve at .*choose another --port\n", done.stderr)
    opened.close()
