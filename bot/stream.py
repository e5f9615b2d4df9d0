"""POST /stream: an action call answered line by line, a checked sentence each, and last what /webhook would answer.

The status and the refusals are /webhook's as long as nothing was said. Once a line is out, a failure can only end the
stream without its last line, and the caller takes that for a failed call. A caller who hangs up stops the writing.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
from collections.abc import Awaitable, Callable
from itertools import count

from sanic.exceptions import ServerError
from sanic.request import Request
from sanic.response import HTTPResponse

from bot.composed.answer import listener
from bot.composed.compose import Sentence
from bot.types import Citation
from bot.wire import citation_json

log = logging.getLogger(__name__)
CONTENT_TYPE = "application/x-ndjson"
LOOK_EVERY_S = 0.2
Line = bytes


async def stream(request: Request, answer: Callable[[], Awaitable[HTTPResponse]]) -> HTTPResponse | None:
    """Run `answer` and send what it says sentence by sentence; its own response is the last line, or all there is."""
    lines: asyncio.Queue[Line | None] = asyncio.Queue()
    numbers = count()

    async def hear(sentence: Sentence, citation: Citation) -> None:
        said = {"sentence": sentence.text, "citations": [citation_json(citation)], "n": next(numbers)}
        lines.put_nowait(json.dumps(said, ensure_ascii=False).encode())

    async def work() -> HTTPResponse:
        listener.set(hear)  # in this task's own context
        try:
            return await answer()
        finally:
            lines.put_nowait(None)

    task = asyncio.create_task(work())
    try:
        first = await _next(lines, request)
        if first is None:
            return await task
        response = await request.respond(content_type=CONTENT_TYPE)
        assert response is not None
        line: Line | None = first
        while line is not None:
            await response.send(line + b"\n")
            line = await _next(lines, request)
        last = await task
        if last.status != 200 or last.body is None:
            raise ServerError("the action failed after it had begun to speak")
        await response.send(last.body + b"\n")
        await response.eof()
        return None
    finally:
        if not task.done():
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task


async def _next(lines: asyncio.Queue[Line | None], request: Request) -> Line | None:
    """Return the next line; raise CancelledError where the caller has hung up meanwhile."""
    while True:
        try:
            return await asyncio.wait_for(lines.get(), LOOK_EVERY_S)
        except TimeoutError:
            if request.transport is None or request.transport.is_closing():
                raise asyncio.CancelledError from None
