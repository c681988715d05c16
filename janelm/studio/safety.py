"""Who may ask this server what: checked before anything else looks at a request.

- Where no token is needed, the Host must be an address, localhost or this machine's name: a foreign name that is made
  to point here (DNS rebinding) is refused. Where one is, such a name has none, since cookies belong to the name they
  were set for; so behind a load balancer a server may have any.
- Where a browser says that another site asks (Origin, Sec-Fetch-Site), it is refused; so no other page can have the
  person's browser do anything here (CSRF).
- Where the server listens to others than this machine, whoever asks needs the token: as `Authorization: Bearer`, or as
  a cookie that an address with `?token=` sets once.
- A body has its largest size, and may not come too slowly.
"""

from __future__ import annotations

import asyncio
import hmac
import ipaddress
import socket
from dataclasses import dataclass
from http.cookies import SimpleCookie
from urllib.parse import parse_qs, urlencode, urlsplit

from starlette.datastructures import Headers
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

COOKIE = "janelm_token"
BODY, UPLOAD = 8 << 20, 4 << 30  # bytes of a request's body, and of a file that is sent
PATIENCE = 60.0  # seconds between two parts of a body
OPEN = ("/health",)  # which a container asks without a token; it says nothing of what is here
POLICY = (
    "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; worker-src 'self'; connect-src 'self'; style-src 'self';"
    " img-src 'self' data:; frame-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'none';"
    " frame-ancestors 'self'"
)
ALWAYS = {
    "content-security-policy": POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-resource-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
}


@dataclass(frozen=True)
class Doorkeeper:
    """What is let in."""

    host: str = "127.0.0.1"
    token: str | None = None
    uploads: tuple[str, ...] = ()
    """Beginnings of the paths that take files."""

    def refusal(self, scope: Scope) -> tuple[int, str] | None:
        """The status and the reason, where a request is refused."""
        headers = Headers(scope=scope)
        host, site = headers.get("host", ""), headers.get("sec-fetch-site", "none")
        if not self.is_ours(host):
            return 403, f"this server is not called {host[:100]!r}: ask it by the address that it printed"
        origin = headers.get("origin")
        if origin is not None and urlsplit(origin).netloc != host:
            return 403, "another site may not ask this server"
        reads = scope["method"] in ("GET", "HEAD")
        navigates = (
            reads and headers.get("sec-fetch-mode") == "navigate" and headers.get("sec-fetch-dest") == "document"
        )
        if site not in ("none", "same-origin") and not navigates:
            return 403, "another site may not ask this server"
        if self.token and scope["path"] not in OPEN and not self._has_token(headers):
            return 401, "this server needs its token: open the address that it printed, or send it as a bearer token"
        length = headers.get("content-length", "0")
        if not length.isdecimal() or len(length) > 18:
            return 400, "the content-length is no number"
        if int(length) > self.limit(scope["path"]):
            return 413, f"the body is larger than {self.limit(scope['path']) >> 20} MB"
        return None

    def limit(self, path: str) -> int:
        return UPLOAD if path.startswith(self.uploads or ("\0",)) else BODY

    def is_ours(self, host: str) -> bool:
        try:
            name = urlsplit(f"//{host}").hostname or ""
            urlsplit(f"//{host}").port  # noqa: B018
        except ValueError:
            return False
        if self.token or name in ("localhost", self.host.lower(), socket.gethostname().lower()):
            return True
        try:
            ipaddress.ip_address(name)
        except ValueError:
            return False
        return True

    def _has_token(self, headers: Headers) -> bool:
        kind, _, given = headers.get("authorization", "").partition(" ")
        return (kind.lower() == "bearer" and self.is_token(given)) or any(
            self.is_token(each.value) for name, each in _cookies(headers).items() if name == COOKIE
        )

    def is_token(self, given: str) -> bool:
        """Whether it is, in a time that says nothing of how much of it is right."""
        return bool(self.token) and hmac.compare_digest(given.encode(), str(self.token).encode())


def _cookies(headers: Headers) -> SimpleCookie:
    try:
        return SimpleCookie(headers.get("cookie", ""))
    except Exception:  # it has errors of its own for what is no cookie
        return SimpleCookie()


class Guard:
    """Lets a request in, or answers it itself."""

    def __init__(self, app: ASGIApp, keeper: Doorkeeper) -> None:
        self._app, self._keeper = app, keeper

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            if scope["type"] == "lifespan":
                await self._app(scope, receive, send)
            return
        answer = self._entrance(scope) or self._refusal(scope)

        async def answering(message: Message) -> None:
            if message["type"] == "http.response.start":
                own = {name for name, _ in message["headers"]}
                more = [(name.encode(), value.encode()) for name, value in ALWAYS.items() if name.encode() not in own]
                message["headers"] = [*message["headers"], *more]
            await send(message)

        if answer is not None:
            await answer(scope, receive, answering)
        else:
            await self._app(scope, _measured(receive, self._keeper.limit(scope["path"])), answering)

    def _entrance(self, scope: Scope) -> Response | None:
        """Where the address has the token: the same without it, and a cookie."""
        asked = parse_qs(scope["query_string"].decode("latin-1"))
        given = asked.pop("token", [""])[0]
        keeper = self._keeper
        if not given or scope["method"] != "GET" or not keeper.is_ours(Headers(scope=scope).get("host", "")):
            return None
        if not keeper.is_token(given):
            return None
        rest = urlencode(asked, doseq=True)
        path = "/" + scope["path"].lstrip("/")
        answer = RedirectResponse(path + ("?" + rest if rest else ""), 303)
        answer.set_cookie(COOKIE, given, httponly=True, samesite="strict", max_age=30 * 86400)
        return answer

    def _refusal(self, scope: Scope) -> Response | None:
        found = self._keeper.refusal(scope)
        if found is None:
            return None
        status, reason = found
        body = {"error": {"message": reason, "type": "refused", "param": None, "code": None}}
        asks = {"www-authenticate": "Bearer"} if status == 401 else {}
        return JSONResponse(body, status, {"connection": "close"} | asks)


def _measured(receive: Receive, limit: int) -> Receive:
    """`receive` that hangs up on a body that is too large or comes too slowly."""
    size, more = 0, True

    async def measured() -> Message:
        nonlocal size, more
        if not more:  # now it only waits until the client has gone
            return await receive()
        try:
            message = await asyncio.wait_for(receive(), PATIENCE)
        except TimeoutError:
            return {"type": "http.disconnect"}
        if message["type"] == "http.request":
            size += len(message.get("body", b""))
            more = message.get("more_body", False)
            if size > limit:
                return {"type": "http.disconnect"}
        return message

    return measured
