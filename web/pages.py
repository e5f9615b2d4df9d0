"""The pages: the widget's frame and its loader, the desk, the way in and out."""

from __future__ import annotations

import json

from flask import Blueprint, Response, current_app, redirect, render_template, request, session, url_for
from werkzeug.wrappers import Response as AnyResponse

from web.agents import Door
from web.auth import Access, agent, check_csrf, csrf_token, log_in, open_to
from web.desk_api import list_queue, read_conversation
from web.service import service

pages = Blueprint("pages", __name__)


@pages.get("/widget.js")
@open_to(Access.ANYONE)
def loader() -> Response:
    """The one script a shop embeds."""
    answer = current_app.send_static_file("loader.js")
    answer.headers["Cache-Control"] = "public, max-age=300"
    return answer


@pages.get("/widget/frame")
@open_to(Access.ANYONE)
def frame() -> str:
    return render_template("widget/frame.html", assistant={"name": service().settings.assistant_name})


@pages.get("/health")
@open_to(Access.ANYONE)
def health() -> dict[str, str]:
    """Answers once the database does; says nothing else."""
    service().database.read(lambda connection: connection.exec_driver_sql("SELECT 1"))
    return {"status": "ok"}


@pages.route("/desk/login", methods=["GET", "POST"])
@open_to(Access.ANYONE)
def login() -> AnyResponse | tuple[str, int]:
    if request.method == "GET":
        return Response(_login_page())
    check_csrf(request.form.get("csrf_token", ""))
    here = service()
    email, password = request.form.get("email", ""), request.form.get("password", "")
    if not here.logins_limit.allow(request.remote_addr or ""):
        return _login_page("Too many attempts from this address; please wait a minute and try again.", email), 429
    known = Door(here.database, here.clock).enter(email, password)
    if known is None:
        return _login_page("That e-mail and password do not belong together; please try again.", email), 401
    log_in(known)
    return redirect(url_for("pages.desk"), 303)


@pages.post("/desk/logout")
@open_to(Access.AGENT_PAGE)
def logout() -> AnyResponse:
    check_csrf(request.form.get("csrf_token") or request.headers.get("X-CSRF-Token", ""))
    session.clear()
    return redirect(url_for("pages.login"), 303)


@pages.get("/desk")
@open_to(Access.AGENT_PAGE)
def desk() -> str:
    status, mine = request.args.get("status", "open"), request.args.get("mine", "0") == "1"
    return render_template(
        "desk/queue.html",
        agent=agent().to_json(),
        csrf_token=csrf_token(),
        status=status,
        mine=mine,
        conversations=[conversation.to_json() for conversation in list_queue(status, mine)],
    )


@pages.get("/desk/conversations/<conversation_id>")
@open_to(Access.AGENT_PAGE)
def desk_conversation(conversation_id: str) -> str:
    conversation, found, packet = read_conversation(conversation_id)
    return render_template(
        "desk/conversation.html",
        agent=agent().to_json(),
        csrf_token=csrf_token(),
        conversation=conversation.to_json(),
        conversations=[other.to_json() for other in list_queue("open", mine=False)],
        events=[json.loads(event.to_text()) for event in found],
        cursor=found[-1].id if found else 0,
        packet=packet,
    )


def _login_page(error: str | None = None, email: str = "") -> str:
    return render_template("desk/login.html", csrf_token=csrf_token(), error=error, email=email)
