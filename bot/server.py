"""The action server: rasa-sdk's executor behind an HTTP app of our own.

rasa-sdk's app listens on all addresses, asks nobody for a secret and answers an error with the whole request. This
one keeps its protocol and its status codes, and none of that.
"""

from __future__ import annotations

import asyncio
import hmac
import json
import logging
import signal
import socket
import traceback
import zlib
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

from rasa_sdk.executor import ActionExecutor, CollectingDispatcher
from rasa_sdk.interfaces import ActionExecutionRejection, ActionMissingDomainException, ActionNotFoundException, Tracker
from sanic import Sanic
from sanic.exceptions import PayloadTooLarge, SanicException
from sanic.request import Request
from sanic.response import HTTPResponse
from sanic.response import json as json_response

from bot.actions.outcome import Outcome
from bot.actions.registry import ACTIONS, run
from bot.composed.answer import composes
from bot.errors import BackOfficeAway, CannotListen, NotReady, TrackerError
from bot.services import Services
from bot.settings import Secrets, Settings
from bot.start import Start
from bot.stream import stream
from bot.tracker import fold
from retrieval.settings import Settings as RetrievalSettings

log = logging.getLogger(__name__)
RETRY_AFTER_S = 1
App = Sanic[Any, Any]


async def at_once() -> None:
    """Wait for nothing: the models are there."""


def build_app(
    services: Services,
    health: Callable[[], Mapping[str, Any]],
    ready: Callable[[], Awaitable[None]] = at_once,
    name: str = "nightdesk_bot",
) -> App:
    """Return the app: POST /webhook, POST /stream and GET /actions behind the secret, GET /health open.

    /health says as well whether customers may read composed answers, which are worth streaming.

    A call that comes before the models are `ready` waits for them.
    """
    app = Sanic(name, configure_logging=False)
    app.config.REQUEST_MAX_SIZE = services.settings.max_body_bytes
    app.config.ACCESS_LOG = False
    app.config.KEEP_ALIVE_TIMEOUT = 75
    executor = build_executor(services)
    expected = f"Bearer {services.secrets.bot}".encode()

    @app.on_request
    async def authorize(request: Request) -> HTTPResponse | None:
        if request.path == "/health":
            return None
        shown = request.headers.get("authorization", "").encode("utf-8", "replace")
        if hmac.compare_digest(shown, expected):
            return None
        return refuse(401, "unauthorized", "Show the shared secret as Authorization: Bearer <secret>.")

    @app.get("/health")
    async def show_health(_: Request) -> HTTPResponse:
        state = {**health(), "composes": composes(services)}
        return json_response(state, status=200 if state["status"] == "ok" else 503)

    @app.get("/actions")
    async def show_actions(_: Request) -> HTTPResponse:
        return json_response([{"name": action} for action in ACTIONS])

    @app.post("/webhook")
    async def webhook(request: Request) -> HTTPResponse:
        await ready()
        return await answer(executor, request, services.settings.max_body_bytes)

    @app.post("/stream")
    async def stream_webhook(request: Request) -> HTTPResponse | None:
        await ready()
        return await stream(request, lambda: answer(executor, request, services.settings.max_body_bytes))

    @app.exception(Exception)
    async def failed(_: Request, error: Exception) -> HTTPResponse:
        return _failed(error)

    return app


def build_executor(services: Services) -> ActionExecutor:
    """Return an executor that knows every action by the name a Rasa domain calls it."""
    executor = ActionExecutor()
    for name in ACTIONS:
        executor.register_function(name, _rasa_action(services, name))
    return executor


async def answer(executor: ActionExecutor, request: Request, max_body_bytes: int) -> HTTPResponse:
    """Run the action that is called for, with the status codes of rasa-sdk 3.21."""
    try:
        call = json.loads(_body(request, max_body_bytes))
    except (ValueError, zlib.error):
        return refuse(400, "bad_json", "The body should be an action call in JSON, plain or deflated.")
    if not isinstance(call, dict):
        return refuse(400, "bad_json", "The body should be an action call: a JSON object with next_action and tracker.")
    name = call.get("next_action")
    if not name:
        return json_response(None)
    if not isinstance(name, str):
        return refuse(400, "bad_json", "next_action should be the name of an action.")
    tracker = call.get("tracker")
    if name in ACTIONS and not isinstance(tracker, dict):
        return refuse(
            422, "bad_tracker", "The action call has no tracker; an object with sender_id and events is needed."
        )
    if isinstance(tracker, dict) and call.get("domain") is not None and not tracker.get("sender_id"):
        return refuse(422, "bad_tracker", "The tracker has no sender_id; the conversation's id is needed.")
    try:
        result = await executor.run(call)
    except ActionExecutionRejection as error:
        return json_response({"error": error.message, "action_name": error.action_name}, status=400)
    except ActionNotFoundException as error:
        return json_response({"error": error.message, "action_name": error.action_name}, status=404)
    except ActionMissingDomainException as error:
        return json_response({"error": error.message, "action_name": error.action_name}, status=449)
    return json_response({"events": result.events, "responses": result.responses})


def refuse(status: int, code: str, message: str, headers: Mapping[str, str] | None = None) -> HTTPResponse:
    """Return an error that says nothing of the request."""
    return json_response({"error": {"code": code, "message": message}}, status=status, headers=dict(headers or {}))


def run_server(
    settings: Settings, home: Path, secrets: Mapping[str, str], retrieval_settings: RetrievalSettings
) -> None:
    """Serve until SIGTERM or SIGINT; /health answers at once, the models load behind it."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    for chatty in ("sanic", "rasa_sdk", "faiss", "sentence_transformers", "transformers"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
    ours = Secrets(secrets["bot"], secrets["identity"], secrets.get("back_office", ""))
    start = Start(settings, home, ours, retrieval_settings)
    with asyncio.Runner(loop_factory=_event_loop) as runner:
        runner.run(_serve(start, settings))


async def _serve(start: Start, settings: Settings) -> None:
    app = build_app(start.services, start.health, start.ready)
    try:
        family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
        listening = socket.create_server((settings.host, settings.port), family=family)
    except OSError as error:
        raise CannotListen(
            f"the action server cannot listen on {settings.host}:{settings.port} ({error.strerror}); "
            "stop what listens there, or set host and port in [bot]"
        ) from error
    server = await app.create_server(sock=listening, access_log=False)
    assert server is not None
    await server.startup()  # type: ignore[no-untyped-call]
    await server.start_serving()  # type: ignore[no-untyped-call]
    start.begin()
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopped.set)
    log.info("action server on http://%s:%s", settings.host, settings.port)
    try:
        await stopped.wait()
    finally:
        await server.close()  # type: ignore[no-untyped-call]
        start.end()


def _event_loop() -> asyncio.AbstractEventLoop:
    import uvloop

    loop: asyncio.AbstractEventLoop = uvloop.new_event_loop()
    return loop


def _rasa_action(services: Services, name: str) -> Callable[..., Awaitable[list[dict[str, Any]]]]:
    async def act(dispatcher: CollectingDispatcher, tracker: Tracker, domain: Any) -> list[dict[str, Any]]:
        del domain
        conversation = fold(
            {
                "sender_id": tracker.sender_id,
                "slots": tracker.slots,
                "latest_message": tracker.latest_message,
                "events": tracker.events,
                "paused": tracker._paused,
            }
        )
        try:
            outcome = await run(name, services, conversation)
        except Exception:
            log.error("%s failed in conversation %.64r", name, conversation.id)
            raise
        return _dispatch(outcome, dispatcher)

    return act


def _dispatch(outcome: Outcome, dispatcher: CollectingDispatcher) -> list[dict[str, Any]]:
    for response in outcome.responses:
        dispatcher.utter_message(text=response["text"], buttons=response["buttons"], json_message=response["custom"])
    return list(outcome.events)


def _body(request: Request, most: int) -> bytes:
    """Return the body, inflated if Rasa deflated it; never more than `most` bytes, whatever it was packed to."""
    if request.headers.get("content-encoding") != "deflate":
        return request.body
    unpacker = zlib.decompressobj()
    body = unpacker.decompress(request.body, most)
    if unpacker.unconsumed_tail:
        raise PayloadTooLarge("too large when unpacked")
    return body + unpacker.flush()


def _failed(error: Exception) -> HTTPResponse:
    """Answer an error without a word of the request, and log where it happened without a word either."""
    if isinstance(error, TrackerError):
        return refuse(422, "bad_tracker", str(error))
    if isinstance(error, NotReady):
        return refuse(
            503, "not_ready", "The assistant is still starting; try again.", {"Retry-After": str(RETRY_AFTER_S)}
        )
    if isinstance(error, BackOfficeAway):
        return refuse(503, "back_office_away", "The back office does not answer; try again.")
    if isinstance(error, SanicException):
        code = {404: "not_found", 405: "method_not_allowed", 413: "too_large"}.get(error.status_code, "bad_request")
        return refuse(error.status_code, code, "The request was not understood or is too large; see docs/http.md.")
    where = " < ".join(
        f"{Path(f.filename).name}:{f.lineno}" for f in reversed(traceback.extract_tb(error.__traceback__)[-4:])
    )
    log.error("%s at %s", type(error).__name__, where)
    return refuse(500, "internal", "The action failed; nothing was said to the customer.")
