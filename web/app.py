"""The Flask application: routes, the guard before them, the headers and errors after them."""

from __future__ import annotations

import logging
import time
import traceback
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

from flask import Flask, Request, Response, redirect, request
from flask.json.provider import DefaultJSONProvider
from flask.sessions import SecureCookieSession, SecureCookieSessionInterface
from werkzeug.exceptions import HTTPException
from werkzeug.middleware.proxy_fix import ProxyFix
from werkzeug.wrappers import Response as AnyResponse

from web.auth import Access, guard, open_to
from web.demo import demo
from web.desk_api import desk_api
from web.errors import WebError
from web.pages import pages
from web.service import build
from web.settings import Secrets, Settings
from web.widget_api import widget_api

log = logging.getLogger(__name__)
_FRAME = "pages.frame"
_SENTENCES = {
    404: "There is nothing at this address.",
    405: "This address does not take that method.",
    413: "The request is larger than we take.",
}


def create_app(settings: Settings, home: Path, secrets: Secrets, clock: Callable[[], float] = time.time) -> Flask:
    """Return the application over the migrated database of `home`.

    Nothing runs in the background until `app.extensions["nightdesk"].start()`.
    """
    app = Flask(__name__)
    app.secret_key = secrets.session.get_secret_value()
    app.config.update(
        MAX_CONTENT_LENGTH=settings.max_body_bytes,
        SESSION_COOKIE_NAME="nightdesk_desk",
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Lax",
        SESSION_COOKIE_SECURE=settings.secure_cookies,
        PERMANENT_SESSION_LIFETIME=timedelta(hours=12),
    )
    app.session_interface = _DeskSessions()
    assert isinstance(app.json, DefaultJSONProvider)
    app.json.ensure_ascii = False
    app.json.sort_keys = False
    app.extensions["nightdesk"] = build(settings, home, secrets, clock)
    app.view_functions["static"] = open_to(Access.ANYONE)(app.view_functions["static"])
    for blueprint in (widget_api, desk_api, pages, *([demo] if settings.demo else [])):
        app.register_blueprint(blueprint)
    if not settings.demo:
        app.add_url_rule("/", "home", open_to(Access.ANYONE)(_home))
    app.before_request(guard)
    app.after_request(_headers(settings))
    app.register_error_handler(WebError, _refused)
    app.register_error_handler(HTTPException, _http_error)
    app.register_error_handler(Exception, _unexpected)
    if settings.proxies:
        app.wsgi_app = ProxyFix(  # type: ignore[method-assign]
            app.wsgi_app, x_for=settings.proxies, x_proto=settings.proxies, x_host=settings.proxies
        )
    return app


class _DeskSessions(SecureCookieSessionInterface):
    """Flask's sessions, at no cost to the widget, which has none."""

    def open_session(self, app: Flask, request: Request) -> SecureCookieSession | None:
        if self.get_cookie_name(app) not in request.cookies:
            return self.session_class()
        return super().open_session(app, request)


def _home() -> AnyResponse:
    return redirect("/desk")


def _headers(settings: Settings) -> Callable[[Response], Response]:
    policy = (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; "
        "connect-src 'self'; frame-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors "
    )
    closed, embeddable = policy + "'none'", policy + " ".join(("'self'", *settings.embed_origins))

    def add(answer: Response) -> Response:
        headers = answer.headers
        is_frame = request.endpoint == _FRAME
        headers["Content-Security-Policy"] = embeddable if is_frame else closed
        headers["X-Content-Type-Options"] = "nosniff"
        headers["Referrer-Policy"] = "no-referrer" if not is_frame else "strict-origin"
        shared = is_frame or request.endpoint in ("pages.loader", "static")
        headers["Cross-Origin-Resource-Policy"] = "cross-origin" if shared else "same-origin"
        if not is_frame:
            headers["X-Frame-Options"] = "DENY"
        if request.endpoint not in ("static", "pages.loader"):
            headers["Cache-Control"] = "no-store"
        return answer

    return add


def _error(status: int, code: str, message: str) -> tuple[dict[str, Any], int]:
    return {"error": {"code": code, "message": message}}, status


def _refused(failure: WebError) -> tuple[dict[str, Any], int]:
    return _error(failure.status, failure.code, failure.message)


def _http_error(failure: HTTPException) -> AnyResponse | tuple[dict[str, Any], int]:
    status = failure.code or 500
    if status < 400:
        return failure.get_response()
    code = failure.name.lower().replace(" ", "_")
    return _error(status, code, _SENTENCES.get(status, "The request was not understood."))


def _unexpected(failure: Exception) -> tuple[dict[str, Any], int]:
    """Say that it was our fault; log where, never with what (values may be customers' words)."""
    where = [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in traceback.extract_tb(failure.__traceback__)]
    conversation = (request.view_args or {}).get("conversation_id")
    log.error("unexpected", extra={"error": type(failure).__name__, "where": where[-4:], "conversation": conversation})
    return _error(500, "internal", "Something went wrong on our side; please try again in a moment.")
