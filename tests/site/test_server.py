"""`janelm serve`: what it shows of a site, and to whom."""

import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from janelm.errors import JaneLMError
from janelm.site.server import make_server

ROOT = Path(__file__).parents[2]


@pytest.fixture
def served(site):
    with make_server(site, 0) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


@pytest.mark.parametrize(
    ("pattern", "kind"),
    [
        ("index.html", "text/html; charset=utf-8"),
        ("app-*/main.js", "text/javascript; charset=utf-8"),
        ("app-*/style.css", "text/css; charset=utf-8"),
        ("manifest.json", "application/json; charset=utf-8"),
        ("models/lstm-*.onnx", "application/octet-stream"),
        ("x.wasm", "application/wasm"),
        ("x.mjs", "text/javascript; charset=utf-8"),
    ],
)
def test_files_are_served_with_the_types_that_browsers_ask_for(site, served, pattern, kind):
    if pattern.startswith("x."):
        (site / pattern).write_bytes(b"x")
    path = next(site.glob(pattern))
    with urllib.request.urlopen(served + path.relative_to(site).as_posix()) as answer:
        assert answer.headers["Content-Type"] == kind and answer.read() == path.read_bytes()
    if pattern.startswith("x."):
        path.unlink()


def test_a_visitor_who_hangs_up_is_not_an_error(served, capfd):
    port = int(served.rsplit(":", 1)[1].strip("/"))
    for _ in range(5):
        with socket.create_connection(("127.0.0.1", port)) as visitor:
            visitor.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")  # a reset, not a close
            visitor.sendall(b"GET / HTTP/1.0\r\n\r\n")
    time.sleep(0.2)
    assert "Traceback" not in capfd.readouterr().err


@pytest.mark.parametrize("path", ["models/", "nothing.js", "../", "%2e%2e/"])
def test_the_server_shows_files_of_the_site_and_nothing_else(served, path):
    try:
        with urllib.request.urlopen(served + path) as answer:
            assert b"<!doctype html>" in answer.read()[:100]  # the site's own start page
    except urllib.error.HTTPError as error:
        with error:
            assert error.code == 404


def test_a_folder_without_a_site_and_a_taken_port_are_one_clear_sentence(site, tmp_path):
    with pytest.raises(JaneLMError, match="there is no site in"):
        make_server(tmp_path, 0)
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(JaneLMError, match="choose another --port"):
        make_server(site, taken.getsockname()[1])
    with pytest.raises(JaneLMError, match="choose another --port"):
        make_server(site, 99999)
    with pytest.raises(JaneLMError, match=r"cannot serve at 192\.0\.2\.1, .*or another --host"):
        make_server(site, 0, "192.0.2.1")  # an address that is kept for documentation


@pytest.mark.parametrize(("host", "reached"), [("0.0.0.0", "127.0.0.1"), ("localhost", "localhost")])
def test_a_site_can_be_served_to_others(site, host, reached):
    """From a container, or to one's phone, there was no way."""
    with make_server(site, 0, host) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        with urllib.request.urlopen(f"http://{reached}:{server.server_port}/") as answer:
            assert answer.status == 200
        assert server.address.startswith("http://") and "0.0.0.0" not in server.address
        server.shutdown()


def test_serve_prints_the_address_and_ctrl_c_ends_it_quietly(site):
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    code = "import sys; from janelm.cli import main; sys.exit(main())"
    command = [sys.executable, "-c", code, "serve", str(site), "--port", "0"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment)
    address = process.stdout.readline().strip()
    with urllib.request.urlopen(address) as answer:
        assert answer.status == 200
    time.sleep(0.1)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=30)
    assert process.returncode == 0 and "Traceback" not in errors
