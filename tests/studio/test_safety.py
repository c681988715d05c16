"""Attacks, each with the request that is refused."""

from __future__ import annotations

import json
import socket
import time

import httpx
import pytest

from janelm.errors import UsageError
from janelm.studio import safety, server
from studio.conftest import KINDS, running

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


def _raw(client, line, headers, body=b""):
    with socket.create_connection((client.base_url.host, client.base_url.port), timeout=20) as opened:
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


def test_only_who_listens_to_others_needs_a_token_and_it_is_another_each_time(monkeypatch):
    monkeypatch.delenv("JANELM_TOKEN", raising=False)
    assert server.Place().with_token().token is None
    tokens = {server.Place("0.0.0.0").with_token().token for _ in range(3)}
    assert len(tokens) == 3 and all(len(token) > 40 for token in tokens)
    monkeypatch.setenv("JANELM_TOKEN", "short")
    with pytest.raises(UsageError, match="at least 16"):
        server.Place("0.0.0.0").with_token()
