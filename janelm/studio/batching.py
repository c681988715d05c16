"""Many texts at once with one model in memory: they join and leave between two tokens.

A thread of the model's own draws a token for each text that is under way, each with its own sampler, seed and end, and
steps the model once for all of them. Between two such steps it reads one chunk of one new prompt, so that those who
write are not kept waiting for long. What a text says does not depend on its company.

After Yu et al. 2022, "Orca: A Distributed Serving System for Transformer-Based Generative Models" (iteration-level
scheduling).
"""

from __future__ import annotations

import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np

from ..engines import Engine, State
from ..errors import JaneLMError
from ..writing.generation import side_by_side
from .talks import Said, Talk

T = TypeVar("T")
MOST_WAITING = 256  # orders; whoever comes then is told that the server is busy


class Busy(JaneLMError):
    """There are as many orders as can wait already, or the server is ending."""

    def __init__(self, ending: bool = False) -> None:
        super().__init__("the server is ending" if ending else "the server is busy: try again in a few seconds")
        self.ending = ending


@dataclass(eq=False)
class Order:
    """Texts to be written after the same context."""

    talks: list[Talk]
    context: list[int]
    """What the model reads before the first token, at least one."""
    tell: Callable[[list[tuple[int, Said]]], None]
    """Is called by the batch's thread with the talks' numbers and what they say next."""
    fail: Callable[[Exception], None]
    client: tuple[str, str] = ("", "")
    """Whose it is: an address, and a user there."""
    memory: int | None = None
    arrival: int = 0
    gone: bool = False


@dataclass(eq=False)
class _Seat:
    """A text that is under way."""

    order: Order
    number: int
    state: State
    logits: np.ndarray  # (V,), of the token after the last one

    @property
    def talk(self) -> Talk:
        return self.order.talks[self.number]


@dataclass
class Figures:
    """What a batch has done so far."""

    steps: int = 0
    stepped: int = 0
    """Texts in all steps together."""
    read: int = 0
    """Tokens of contexts."""
    drawn: int = 0
    """Tokens told."""
    turned_away: int = 0


class Batch:
    """The texts that one model writes at a time."""

    def __init__(self, engine: Engine, most: int | None = None, most_waiting: int = MOST_WAITING) -> None:
        """`most` texts are written at once: by default as many as fit into memory."""
        self.engine, self.most, self.most_waiting = engine, most or side_by_side(engine.config), most_waiting
        self.figures = Figures()
        self._waiting: deque[Order] = deque()
        self._errands: deque[tuple[Callable[[], Any], Future[Any]]] = deque()
        self._seats: list[_Seat] = []
        self._reading: tuple[Order, Iterator[tuple[np.ndarray, State]]] | None = None
        self._last: Any = None  # what the last chunk said
        self._arrivals, self._ending, self._ended = 0, False, False
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._run, name="batch", daemon=True)
        self._thread.start()

    @property
    def waiting(self) -> int:
        return len(self._waiting)

    @property
    def writing(self) -> int:
        return len(self._seats)

    @property
    def ending(self) -> bool:
        """Whether it takes no more orders."""
        return self._ending

    def submit(self, *orders: Order) -> None:
        """Take all of these orders, or none. Raises Busy where too many wait already."""
        with self._changed:
            if self._ending or len(self._waiting) + len(orders) > self.most_waiting:
                self.figures.turned_away += 1
                raise Busy(self._ending)
            for order in orders:
                self._arrivals += 1
                order.arrival = self._arrivals
                self._waiting.append(order)
            self._changed.notify()

    def cancel(self, order: Order) -> None:
        """Nobody hears this order any more: its places are free before the next token."""
        with self._changed:
            order.gone = True
            self._changed.notify()

    def between(self, work: Callable[[], T]) -> Future[T]:
        """Have something done between two steps, by the thread that alone uses the engine. Raises Busy."""
        done: Future[T] = Future()
        with self._changed:
            if self._ending or len(self._errands) >= self.most_waiting:
                raise Busy(self._ending)
            self._errands.append((work, done))
            self._changed.notify()
        return done

    def end(self) -> None:
        """Take no more orders; those that wait are told so, and those under way go on."""
        with self._changed:
            self._ending, refused = True, list(self._waiting)
            self._waiting.clear()
        for order in refused:
            order.fail(Busy(ending=True))

    def close(self) -> None:
        """End at the next token, and free the model."""
        self.end()
        with self._changed:
            self._ended = True
            self._changed.notify()
        self._thread.join()
        for _, done in self._errands:
            done.set_exception(Busy(ending=True))

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._ended or self._waiting or self._errands or self._busy)
                if self._ended:
                    return
                self._forget_the_gone()
                self._take_one_more()
            try:
                self._run_an_errand()
                self._read_on()
                self._draw_and_step()
            except Exception as error:  # whoever waits must hear of it, whatever it is
                self._give_up(error)
            time.sleep(0)  # whoever takes in questions must not wait for Python's lock as long as it may be kept

    @property
    def _busy(self) -> bool:
        return bool(self._seats or self._reading)

    def _run_an_errand(self) -> None:
        if not self._errands:
            return
        work, done = self._errands.popleft()
        if not done.set_running_or_notify_cancel():
            return
        try:
            done.set_result(work())
        except Exception as error:  # it is told to whoever asked
            done.set_exception(error)

    def _forget_the_gone(self) -> None:
        self._waiting = deque(order for order in self._waiting if not order.gone)
        self._seats = [seat for seat in self._seats if not seat.order.gone]
        if self._reading and self._reading[0].gone:
            self._reading = None

    def _take_one_more(self) -> None:
        """Begin to read for the client who has the fewest texts under way, in order of arrival among such."""
        if self._reading or not self._waiting:
            return
        addresses = Counter(seat.order.client[0] for seat in self._seats)
        users = Counter(seat.order.client for seat in self._seats)
        fitting = [order for order in self._waiting if not self._seats or self._fits(order)]
        if fitting:
            order = min(fitting, key=lambda one: (addresses[one.client[0]], users[one.client], one.arrival))
            self._waiting.remove(order)
            state = self.engine.initial_state(1, order.memory)
            parts = self.engine.reading(np.array([order.context], np.int64), state)
            self._reading = order, parts

    def _fits(self, order: Order) -> bool:
        return len(self._seats) + len(order.talks) <= self.most

    def _read_on(self) -> None:
        """One chunk of the context that is being read; after the last, its texts have their places."""
        if self._reading is None:
            return
        order, parts = self._reading
        for logits, state in parts:
            self._last = logits, state
            return
        self._reading, (logits, state) = None, self._last
        self.figures.read += len(order.context)
        for number in range(len(order.talks)):
            own = state if number == len(order.talks) - 1 else self.engine.copied(state)
            self._seats.append(_Seat(order, number, own, logits[0]))

    def _draw_and_step(self) -> None:
        """A token for each text that is under way, and one step of the model for those that go on."""
        told: dict[Order, list[tuple[int, Said]]] = {}
        going_on, tokens = [], []
        for seat in self._seats:
            try:
                said = seat.talk.advance(seat.logits)
            except JaneLMError as error:
                seat.order.gone = True
                seat.order.fail(error)
                continue
            told.setdefault(seat.order, []).append((seat.number, said))
            if not seat.talk.done:
                going_on.append(seat)
                tokens.append(said.token)
        self._seats = going_on
        for order, some in told.items():
            self.figures.drawn += len(some)
            order.tell(some)
        if going_on:
            logits, states = self.engine.step_each(np.array(tokens, np.int64), [seat.state for seat in going_on])
            for seat, own, state in zip(going_on, logits, states, strict=True):
                seat.logits, seat.state = own, state
            self.figures.steps += 1
            self.figures.stepped += len(going_on)

    def _give_up(self, error: Exception) -> None:
        """Tell everybody who has a place that there will be no more."""
        orders = {seat.order for seat in self._seats} | ({self._reading[0]} if self._reading else set())
        self._seats, self._reading = [], None
        for order in orders:
            order.fail(error)
