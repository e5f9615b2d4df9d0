"""Who may call what. Every route says so with `open_to`; one guard before every request holds them to it.

A route that does not say is refused to everyone, so forgetting is noticed and never dangerous.
"""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Callable
from enum import StrEnum
from typing import Any, TypeVar, cast

from flask import current_app, g, redirect, request, session, url_for
from werkzeug.wrappers import Response

from web.errors import Forbidden, Unauthorised
from web.service import service
from web.store import agents
from web.types import Agent, Visitor

View = TypeVar("View", bound=Callable[..., Any])


class Access(StrEnum):
    """Who a route is for."""

    ANYONE = "anyone"
    VISITOR = "visitor"  # whoever holds a visitor token
    AGENT = "agent"  # an agent's session; writes carry its CSRF token
    AGENT_PAGE = "agent_page"  # the same for a page a person looks at: strangers are sent to the login


def open_to(access: Access) -> Callable[[View], View]:
    """Declare who may call the view."""

    def mark(view: View) -> View:
        view.access = access  # type: ignore[attr-defined]
        return view

    return mark


def access_of(endpoint: str) -> Access | None:
    """Return what the route behind `endpoint` declares."""
    return getattr(current_app.view_functions.get(endpoint), "access", None)


def guard() -> Response | None:
    """Let the request through to its view, or answer for it. Raises Unauthorised or Forbidden."""
    if request.endpoint is None:
        return None  # no such route: Flask says so
    access = access_of(request.endpoint)
    if access is Access.ANYONE:
        return None
    if access is Access.VISITOR:
        g.visitor = _visitor()
        return None
    if access is Access.AGENT:
        g.agent = _agent()
        if request.method not in ("GET", "HEAD", "OPTIONS"):
            check_csrf(request.headers.get("X-CSRF-Token", ""))
        return None
    if access is Access.AGENT_PAGE:
        try:
            g.agent = _agent()
        except Unauthorised:
            return redirect(url_for("pages.login"))
        return None
    raise Forbidden("Nobody may call this.")


def visitor() -> Visitor:
    """Return who is at the widget, of a route open to visitors."""
    return cast(Visitor, g.visitor)


def agent() -> Agent:
    """Return who is at the desk, of a route open to agents."""
    return cast(Agent, g.agent)


def csrf_token() -> str:
    """Return the session's CSRF token, making one for a new session."""
    token = session.get("csrf")
    if not token:
        token = session["csrf"] = secrets.token_urlsafe(24)
    return str(token)


def check_csrf(given: str) -> None:
    """Raise Forbidden unless `given` is the session's CSRF token."""
    expected = str(session.get("csrf", ""))
    if not expected or not hmac.compare_digest(expected.encode(), given.encode()):
        raise Forbidden("The page is too old or not ours; reload it and try again.", "bad_csrf_token")


def log_in(who: Agent) -> None:
    """Begin a new session for the agent; nothing of the old one survives."""
    session.clear()
    session["agent"] = who.id
    session.permanent = True
    csrf_token()


def _visitor() -> Visitor:
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token:
        raise Unauthorised("Send the visitor token as `Authorization: Bearer …`; /api/visitor gives one.")
    return service().tokens.visitor(token.strip())


def _agent() -> Agent:
    agent_id = session.get("agent")
    found = service().database.read(lambda connection: agents.get(connection, agent_id)) if agent_id else None
    if found is None:
        raise Unauthorised("Log in at /desk/login first.")
    return found
