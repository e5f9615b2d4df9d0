"""How far a training is: who is told, and one line of a terminal that tells."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TextIO

EVERY_S = 0.5
Told = Callable[[int, int, float], None]
"""Told now and then: steps done, steps in all, seconds left by the pace so far."""


def line_on(stream: TextIO, clock: Callable[[], float] = time.monotonic, what: str = "tuning") -> Told:
    """Return what `tune` can tell: it rewrites one line, at most twice a second, and ends it with the last step."""
    last = [float("-inf")]

    def tell(done: int, steps: int, left_s: float) -> None:
        now = clock()
        if done < steps and now - last[0] < EVERY_S:
            return
        last[0] = now
        end = "\n" if done == steps else ""
        stream.write(f"\r  {what}  {done / steps:4.0%}  {_left(left_s)} left \x1b[K{end}")
        stream.flush()

    return tell


def _left(seconds: float) -> str:
    whole = round(seconds)
    return f"{whole} s" if whole < 90 else f"{round(seconds / 60)} min"
