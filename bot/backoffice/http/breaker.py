"""A circuit breaker: after a row of failures nothing is sent for a while, then one request tries for all.

Our own fifty lines, since pybreaker holds its lock during the call (one slow answer would stop every other
conversation) and purgatory lets every waiting request through when it half-opens.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from enum import StrEnum


class State(StrEnum):
    """Closed lets through, open stops, half-open lets one request try."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half-open"


class CircuitBreaker:
    """Safe to use from several threads. Whoever was admitted must tell how it went, by succeeded() or failed()."""

    def __init__(self, failures: int, cool_down_s: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._most = failures
        self._cool_down_s = cool_down_s
        self._clock = clock
        self._lock = threading.Lock()
        self._failures = 0
        self._opened_at = 0.0
        self._state = State.CLOSED

    @property
    def state(self) -> State:
        """How it stands now."""
        return self._state

    def admits(self) -> bool:
        """True if a request may be sent; after the cool-down that is one, until it is known how it went.

        A try that never told (its thread died) is given up after another cool-down.
        """
        with self._lock:
            if self._state is State.CLOSED:
                return True
            if self._clock() - self._opened_at < self._cool_down_s:
                return False
            self._state = State.HALF_OPEN
            self._opened_at = self._clock()
            return True

    def succeeded(self) -> None:
        """The shop answered."""
        with self._lock:
            self._failures = 0
            self._state = State.CLOSED

    def failed(self) -> None:
        """The shop did not answer, or said that it can't."""
        with self._lock:
            self._failures += 1
            if self._state is State.HALF_OPEN or self._failures >= self._most:
                self._state = State.OPEN
                self._opened_at = self._clock()
