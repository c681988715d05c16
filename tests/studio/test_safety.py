"""Attacks, each with the request that is refused."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from urllib.parse import urlsplit

import httpx
import pytest

from janelm.errors import UsageError
from janelm.studio import pages, safety, server, texts
from studio.conftest import KINDS, ask_all_that_is_described, running

ASKED = json.dumps({"model": "lstm", "prompt": "The", "max_tokens": 2}).encode()
JSON = {"content-type": "application/json"}
# What is asked, with which headers, and the status that it must end in.
ATTACKS = {
    "another page posts as a form would": ("POST", {"origin": "http://evil.example"}, 403),
    "another page posts JSON": ("POST", JSON | {"origin": "http://evil.example"}, 403),
    "a page of another port posts": ("POST", JSON | {"origin": "http://127.0.0.1:1"}, 403),
    "a page without an origin of its own posts": ("POST", JSON | {"origin": "null"}, 403),
    "another page has a picture fetched": ("GET", {"sec-fetch-site": "cross-site", "sec-fetch-dest": "image"}, 403),
    "another page shows this one in a frame": (
        "GET", {"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate", "sec-fetch-dest": "iframe"}, 403,
    ),
    "a foreign name points here": ("GET", {"host": "evil.example"}, 403),
    "a foreign name with a port points here": ("POST", JSON | {"host": "evil.example:8000"}, 403),
    "a name that only begins like ours": ("GET", {"host": "localhost.evil.example"}, 403),
    "a host with a person before it": ("GET", {"host": "127.0.0.1@evil.example"}, 403),
    "no host at all": ("GET", {"host": ""}, 403),
    "a plain text where JSON belongs": ("POST", {"content-type": "text/plain"}, 415),
    "a body larger than it may be": ("POST", JSON | {"content-length": str(safety.BODY + 1)}, 413),
}  # fmt: skip


TRAINING = json.dumps({"name": "new", "text": "tale"}).encode()
EVIL = {"origin": "http://evil.example"}
# The same for what the studio answers: method, path, headers, body, status.
STUDIO_ATTACKS = {
    "another page starts a training": ("POST", "/studio/trainings", JSON | EVIL, TRAINING, 403),
    "a form starts a training": ("POST", "/studio/trainings", {"content-type": "text/plain"}, TRAINING, 415),
    "another page sends a file": ("PUT", "/studio/texts/tale/x.txt", EVIL, b"x", 403),
    "another page sends a run": ("PUT", "/studio/import/x", EVIL, b"x", 403),
    "another page throws a run away": ("DELETE", "/studio/runs/lstm", EVIL, None, 403),
    "a picture in another page throws a run away": ("GET", "/studio/trainings/1/stop", {}, None, 405),
    "another page listens": ("GET", "/studio/events", {"sec-fetch-site": "cross-site"}, None, 403),
    "another page takes a run along": ("GET", "/studio/zip/lstm", {"sec-fetch-site": "same-site"}, None, 403),
    "another page frames the rooms": (
        "GET", "/rooms/", {"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate", "sec-fetch-dest": "iframe"},
        None, 403,
    ),
    "a foreign name reads the state": ("GET", "/studio/state", {"host": "evil.example"}, None, 403),
    "a foreign name steps a model": ("POST", "/studio/steps", JSON | {"host": "evil.example"}, b"{}", 403),
    "a page of the studio's own that is a folder": ("GET", "/own/", {}, None, 404),
    "the list of trainings as a file": ("GET", "/preview/../studio.db", {}, None, 404),
    "the same with a written slash": ("GET", "/rooms/..%2F..%2Fstudio%2Fstudio.db", {}, None, 404),
    "an absolute path": ("GET", "/own//etc/passwd", {}, None, 404),
    "a null byte": ("GET", "/own/x%00.js", {}, None, 404),
    "a run that is a flag": (
        "POST", "/studio/trainings", JSON, json.dumps({"name": "--resume", "text": "tale"}).encode(), 400,
    ),
    "a run that is a path": (
        "POST", "/studio/runs/lstm", JSON, json.dumps({"name": "../../evil"}).encode(), 400,
    ),
    "a text that is a path": (
        "POST", "/studio/trainings", JSON, json.dumps({"name": "new", "text": "../models"}).encode(), 400,
    ),
    "an ancestor that is a path": (
        "POST", "/studio/trainings", JSON,
        json.dumps({"name": "new", "text": "tale", "ancestor": "../../etc"}).encode(), 400,
    ),
    "a page of a path": ("POST", "/studio/site", JSON, json.dumps({"runs": ["/etc"]}).encode(), 400),
    "somebody else's text": (
        "POST", "/studio/steps", JSON, json.dumps({"model": "lstm", "tokens": [1], "session": "guess"}).encode(), 409,
    ),
    "a zip that is a pickle": ("PUT", "/studio/import/new", {}, b"\x80\x04cos\nsystem\n(S'true'\ntR.", 400),
    "numbers that are none": (
        "POST", "/studio/trainings", JSON, b'{"name": "new", "text": "tale", "minutes": NaN}', 400,
    ),
    "a body that is deep": ("POST", "/studio/trainings", JSON, b"[" * 100_000, 400),
    "a file larger than it may be": ("PUT", "/studio/texts/tale/x.txt", {"content-length": str(5 << 30)}, None, 413),
}  # fmt: skip


@pytest.fixture
def open_client(shelf):
    """A client of a server that others can reach, without its token."""
    place = server.Place("0.0.0.0", token="a token of the tests")
    with running(server.guarded(server.api_app(shelf, lambda: list(KINDS)), place)) as client:
        yield client


@pytest.mark.parametrize("attack", ATTACKS)
def test_an_attack_is_refused(client, attack):
    method, headers, status = ATTACKS[attack]
    path = "/v1/completions" if method == "POST" else "/v1/models"
    if "content-length" in headers:
        answer = _raw(client, f"POST {path} HTTP/1.1", headers)
        assert answer.startswith(f"HTTP/1.1 {status}")
        return
    answer = client.request(method, path, headers=headers, content=ASKED if method == "POST" else None)
    assert answer.status_code == status and "error" in answer.json()


@pytest.mark.parametrize("attack", STUDIO_ATTACKS)
def test_an_attack_on_the_studio_is_refused_and_changes_nothing(studio_client, kept, tmp_path, attack):
    method, path, headers, body, status = STUDIO_ATTACKS[attack]
    (tmp_path / "studio" / "texts" / "tale").mkdir(parents=True)
    before = studio_client.get("/studio/state").json()
    if "content-length" in headers or "/../" in path:  # the client would not send it so
        answer = _raw(studio_client, f"{method} {path} HTTP/1.1", headers)
        assert answer.startswith(f"HTTP/1.1 {status}"), answer[:300]
    else:
        answer = studio_client.request(method, path, headers=headers, content=body)
        assert answer.status_code == status and "error" in answer.json(), answer.text[:300]
    assert studio_client.get("/studio/state").json() == before


def _raw(client, line, headers, body=b""):
    with socket.create_connection((client.base_url.host, client.base_url.port), timeout=300) as opened:
        lines = [line, *(f"{name}: {value}" for name, value in ({"host": "localhost"} | headers).items()), "", ""]
        opened.sendall("\r\n".join(lines).encode() + body)
        return opened.recv(65536).decode()


def test_what_the_person_does_is_let_in(client):
    own = str(client.base_url)
    for headers in ({}, {"origin": own}, {"sec-fetch-site": "same-origin"}, {"host": "localhost:8000"}):
        assert client.post("/v1/completions", content=ASKED, headers=JSON | headers).status_code == 200
    opened = {"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate", "sec-fetch-dest": "document"}
    assert client.get("/docs", headers=opened).status_code == 200, "a link from elsewhere opens the page"


def test_a_body_that_turns_out_too_large_is_not_read_to_its_end(client, monkeypatch):
    monkeypatch.setattr(safety, "BODY", 1000)

    def parts():
        for _ in range(200):
            yield b"x" * 100

    try:
        answer = client.post("/v1/completions", content=parts(), headers=JSON)
        assert answer.status_code in (400, 413)
    except httpx.HTTPError:
        pass  # it hung up


def test_a_body_that_never_comes_is_waited_for_so_long_and_no_longer(client, monkeypatch):
    monkeypatch.setattr(safety, "PATIENCE", 0.2)
    began = time.monotonic()
    _raw(client, "POST /v1/completions HTTP/1.1", JSON | {"content-length": "100"}, b'{"model"')
    assert time.monotonic() - began < 10


def test_every_answer_forbids_foreign_scripts_and_frames(client):
    for path in ("/docs", "/v1/models", "/nothing"):
        headers = client.get(path).headers
        assert "default-src 'none'" in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff" and "access-control-allow-origin" not in headers


def test_without_its_token_an_open_server_says_nothing(open_client):
    for path in ("/v1/models", "/docs", "/metrics", "/openapi.json", "/nothing"):
        assert open_client.get(path).status_code == 401
    assert open_client.get("/v1/models", headers={"authorization": "Bearer a token of the test"}).status_code == 401
    assert open_client.get("/?token=wrong").status_code == 401
    assert open_client.get("/health").json() == {"status": "ok"}


def test_with_its_token_it_answers_and_the_address_loses_it(open_client):
    given = {"authorization": "Bearer a token of the tests"}
    assert open_client.get("/v1/models", headers=given).status_code == 200
    answer = open_client.get("/docs", params={"token": "a token of the tests", "x": "1"})
    assert answer.status_code == 303 and answer.headers["location"] == "/docs?x=1"
    cookie = answer.headers["set-cookie"].lower()
    assert "httponly" in cookie and "samesite=strict" in cookie
    assert open_client.get("/docs").status_code == 200
    evil = {"origin": "http://evil.example"}
    assert open_client.post("/v1/completions", content=ASKED, headers=JSON | evil).status_code == 403


def test_an_address_with_a_token_leads_nowhere_else(open_client):
    answer = open_client.get("//evil.example/", params={"token": "a token of the tests"})
    assert answer.headers.get("location", "/").startswith("/") and not answer.headers.get("location", "/").startswith(
        "//"
    )


def test_what_is_secret_is_never_logged(trained):
    """Neither the token nor what was asked, whatever goes wrong."""
    token = "a-secret-of-the-tests-which-nobody-reads"
    command = [sys.executable, "-m", "janelm", "api", str(trained / "lstm"), "--port", "0", "--engine", "torch"]
    environment = os.environ | {"JANELM_TOKEN": token}
    serving = subprocess.Popen(
        [*command, "--host", "0.0.0.0"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
    )
    try:
        printed = serving.stdout.readline()
        assert printed.count(token) == 1, "the address is printed once"
        address = f"http://127.0.0.1:{urlsplit(printed.strip()).port}"
        for path in (f"/?token={token}", f"/nothing?token={token}", "/v1/models?token=wrong-secret"):
            httpx.get(address + path, timeout=300)
        given = {"authorization": f"Bearer {token}"}
        asked = {"model": "lstm", "prompt": "a secret prompt", "max_tokens": 2, "stop": ""}
        answer = httpx.post(f"{address}/v1/completions", json=asked, headers=given, timeout=300)
        assert answer.status_code == 400
    finally:
        serving.terminate()
        rest, said = serving.communicate(timeout=60)
    assert not any(secret in rest + said for secret in (token, "wrong-secret", "secret prompt"))


def test_only_who_listens_to_others_needs_a_token_and_it_is_another_each_time(monkeypatch):
    monkeypatch.delenv("JANELM_TOKEN", raising=False)
    assert server.Place().with_token().token is None
    tokens = {server.Place("0.0.0.0").with_token().token for _ in range(3)}
    assert len(tokens) == 3 and all(len(token) > 40 for token in tokens)
    monkeypatch.setenv("JANELM_TOKEN", "short")
    with pytest.raises(UsageError, match="at least 16"):
        server.Place("0.0.0.0").with_token()


def test_no_question_made_from_the_studios_description_ends_in_a_500(studio_client, kept, tmp_path, monkeypatch):
    """What starts other programs is asked with one that answers at once."""
    monkeypatch.setattr(texts, "asked", lambda *_: "{}")
    monkeypatch.setattr(pages, "asked", lambda *_: "")
    (tmp_path / "studio" / "texts" / "tale").mkdir(parents=True)
    known = {"model": "lstm", "max_tokens": 5, "name": "lstm", "text": "tale", "runs": ["lstm"], "tokens": [1, 2]}
    found = ask_all_that_is_described(studio_client, known, 8)
    assert {200, 400} <= found
