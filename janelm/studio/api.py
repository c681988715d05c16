"""The part of the server that programs ask, in the form of OpenAI's API."""

from __future__ import annotations

import asyncio
import base64
import json
import logging
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Any, TypeVar

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, JSONResponse, PlainTextResponse, StreamingResponse
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.responses import Response

from ..errors import JaneLMError
from ..text.tidying import as_trained
from ..writing.generation import prompt_tokens
from .batching import Busy
from .completions import Answering, Client, joined, score
from .figures import Figures, Process
from .manual import manual
from .questions import (
    Choice,
    Completion,
    CompletionQuestion,
    Embedding,
    EmbeddingQuestion,
    Embeddings,
    Model,
    Models,
    ProblemAnswer,
    Score,
    ScoreQuestion,
    Usage,
    listed,
)
from .shelf import Desk, Shelf
from .states import Lost

log = logging.getLogger("janelm")
T = TypeVar("T")
STATUSES = (400, 401, 403, 404, 409, 413, 415, 429, 500, 503)
PROBLEMS: dict[int | str, dict[str, Any]] = {status: {"model": ProblemAnswer} for status in STATUSES}


class Missing(JaneLMError):
    """What was asked for is not here."""


def add_api(app: FastAPI, shelf: Shelf, names: Callable[[], list[str]], process: Process | None = None) -> Figures:
    """Answer programs' questions about the models that `names` lists, as one `process` of several or alone."""
    figures = Figures(shelf, process)

    async def desk(name: str) -> Desk:
        if name not in names():
            raise Missing(f"there is no model {name[:200]!r} here: /v1/models lists them")
        return await asyncio.to_thread(shelf.get, name)

    @app.get("/v1/models", response_model=Models, responses=PROBLEMS, tags=["models"])
    async def list_models() -> Models:
        """The models that can be asked."""
        return Models(data=[_model(await desk(name)) for name in names()])

    @app.get("/v1/models/{name}", response_model=Model, responses=PROBLEMS, tags=["models"])
    async def one_model(name: str) -> Model:
        """One of the models."""
        return _model(await desk(name))

    @app.post("/v1/completions", response_model=Completion, responses=PROBLEMS, tags=["text"])
    async def complete(question: CompletionQuestion, request: Request) -> Any:
        """Write on after a prompt; with `stream` piece by piece, as server-sent events."""
        answering = Answering(await desk(question.model), question, _client(request, question.user))
        pieces = _timed(answering.pieces(), figures, question.model)
        if not question.stream:
            told = await unless_gone(request, _all(pieces))
            return answering.answer(joined(told), usage=True)
        nothing: list[Choice] = []
        first = await anext(pieces, nothing)  # what is wrong with the question is still a status
        return StreamingResponse(_events(answering, first, pieces), media_type="text/event-stream", headers=UNSTORED)

    @app.post("/v1/score", response_model=Score, responses=PROBLEMS, tags=["text"])
    async def score_text(question: ScoreQuestion, request: Request) -> Any:
        """How well a model expects a text: bits per byte."""
        model = await desk(question.model)
        return await unless_gone(request, score(model, question, _client(request, question.user)))

    @app.post("/v1/embeddings", response_model=Embeddings, responses=PROBLEMS, tags=["text"])
    async def embed(question: EmbeddingQuestion) -> Embeddings:
        """Vectors: the mean of what the model's head reads at each token. They say how texts sound, not what they
        mean."""
        return await asyncio.to_thread(_embed, await desk(question.model), question)

    _add_upkeep(app, figures)
    return figures


def _add_upkeep(app: FastAPI, figures: Figures) -> None:
    """Answer whoever runs the server, or wants to know how to ask."""

    @app.get("/metrics", response_class=PlainTextResponse, tags=["server"])
    async def metrics() -> Response:
        """Figures for Prometheus."""
        return Response(await asyncio.to_thread(figures.text), media_type="text/plain; version=0.0.4; charset=utf-8")

    @app.get("/health", tags=["server"])
    async def health() -> dict[str, str]:
        """Whether the server answers."""
        return {"status": "ok"}

    @app.get("/docs", response_class=HTMLResponse, include_in_schema=False)
    async def read_manual() -> HTMLResponse:
        return HTMLResponse(manual(app.openapi()))


UNSTORED = {"cache-control": "no-store", "x-accel-buffering": "no"}


def add_errors(app: FastAPI) -> None:
    """Answer every error in the API's own form."""

    @app.exception_handler(RequestValidationError)
    async def invalid(request: Request, error: RequestValidationError) -> JSONResponse:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"][1:] if not isinstance(part, int)) or None
        if request.headers.get("content-type", "").split(";")[0].strip() != "application/json":
            return problem(415, "the body must be JSON, with content-type application/json")
        return problem(400, f"{place or 'the body'}: {first['msg']}", place)

    @app.exception_handler(HTTPException)
    async def http(request: Request, error: HTTPException) -> JSONResponse:
        return problem(error.status_code, str(error.detail).lower(), headers=dict(error.headers or {}))

    @app.exception_handler(JaneLMError)
    async def ours(request: Request, error: JaneLMError) -> JSONResponse:
        return from_error(error)

    @app.exception_handler(ClientDisconnect)
    async def gone(request: Request, error: ClientDisconnect) -> JSONResponse:
        return problem(400, "the body broke off")

    @app.exception_handler(Exception)
    async def unforeseen(request: Request, error: Exception) -> JSONResponse:
        return problem(500, "something failed inside the server; its log says what")


def from_error(error: JaneLMError) -> JSONResponse:
    if isinstance(error, Busy):
        status = 503 if error.ending else 429
        return problem(status, str(error), code="busy", headers={"retry-after": "2"})
    if isinstance(error, Lost):
        return problem(409, str(error), code="lost")
    if isinstance(error, Missing):
        return problem(404, str(error), "model", "not_found")
    return problem(400, str(error))


def problem(
    status: int, message: str, param: str | None = None, code: str | None = None, headers: dict[str, str] | None = None
) -> JSONResponse:
    kind = {429: "rate_limit_error", 500: "server_error", 503: "server_error"}.get(status, "invalid_request_error")
    return JSONResponse({"error": {"message": message, "type": kind, "param": param, "code": code}}, status, headers)


def _client(request: Request, user: str | None) -> Client:
    return (request.client.host if request.client else "", user or "")


def _model(desk: Desk) -> Model:
    shape = desk.run.config.model
    return Model(
        id=desk.source.name,
        created=desk.created,
        kind=shape.kind,
        parameters=desk.parameters,
        context_length=shape.context_length,
    )


async def _all(pieces: AsyncIterator[list[Choice]]) -> list[list[Choice]]:
    return [piece async for piece in pieces]


async def _timed(pieces: AsyncIterator[list[Choice]], figures: Figures, model: str) -> AsyncIterator[list[Choice]]:
    """The pieces, while it is measured when the first of them came."""
    began, first = time.perf_counter(), True
    async for piece in pieces:
        if first:
            figures.first.labels(model).observe(time.perf_counter() - began)
            first = False
        yield piece


async def unless_gone(request: Request, work: Coroutine[Any, Any, T]) -> T:
    """What `work` comes to; it is given up when whoever asked has gone."""
    working, leaving = asyncio.ensure_future(work), asyncio.ensure_future(_left(request))
    try:
        await asyncio.wait({working, leaving}, return_when=asyncio.FIRST_COMPLETED)
        if not working.done():
            raise HTTPException(499, "the client has gone")
        return working.result()
    finally:
        working.cancel()
        leaving.cancel()
        await asyncio.gather(working, leaving, return_exceptions=True)


async def _left(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass


async def _events(answering: Answering, first: list[Choice], pieces: AsyncIterator[list[Choice]]) -> AsyncIterator[str]:
    """The answer as server-sent events. What goes wrong in the middle is an event too."""
    options = answering.question.stream_options
    try:
        for choice in first:
            yield _event(answering.answer([choice]).model_dump(exclude_none=False))
        async for piece in pieces:
            for choice in piece:
                yield _event(answering.answer([choice]).model_dump())
        if options and options.include_usage:
            yield _event(answering.answer([], usage=True).model_dump())
    except JaneLMError as error:
        yield _event(json.loads(bytes(from_error(error).body)))
    except Exception:
        log.exception("a text could not be written to its end")
        yield _event(json.loads(bytes(problem(500, "something failed inside the server; its log says what").body)))
    finally:
        await pieces.aclose()  # type: ignore[attr-defined]
    yield "data: [DONE]\n\n"


def _event(values: dict[str, Any]) -> str:
    return f"data: {json.dumps(values, ensure_ascii=False)}\n\n"


def _embed(desk: Desk, question: EmbeddingQuestion) -> Embeddings:
    tokenizer, data, total = desk.run.tokenizer, [], 0
    for index, text in enumerate(listed(question.input)):
        tokens = (
            prompt_tokens(tokenizer, as_trained(text, desk.run.config.data))
            if isinstance(text, str)
            else desk.known(text)
        )
        total += len(tokens)
        vector = desk.reader.embed(tokenizer.started(tokens))
        packed = base64.b64encode(vector.tobytes()).decode()
        shown = packed if question.encoding_format == "base64" else vector.tolist()
        data.append(Embedding(index=index, embedding=shown))
    return Embeddings(data=data, model=question.model, usage=Usage(prompt_tokens=total, total_tokens=total))
