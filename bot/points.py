"""Named points of a turn at which a test can hold the process and kill it."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable
from pathlib import Path

Point = Callable[[str], Awaitable[None]]
POLL_S = 0.02


async def no_point(name: str) -> None:
    """Pass."""


def points_in(folder: str) -> Point:
    """Return `point(name)`: where `<folder>/<name>.arm` exists it becomes `<name>.hit`, and the turn waits.

    Exactly one of several turns takes an armed point. The wait ends when the .hit file is removed. Without a
    folder a point is nothing.
    """
    if not folder:
        return no_point
    place = Path(folder)

    async def point(name: str) -> None:
        hit = place / f"{name}.hit"
        try:
            os.rename(place / f"{name}.arm", hit)
        except OSError:
            return
        while hit.exists():
            await asyncio.sleep(POLL_S)

    return point
