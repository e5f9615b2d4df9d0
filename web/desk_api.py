"""What the desk's page calls: the queue, one conversation, and what an agent does with it."""

from __future__ import annotations

from flask import Blueprint, Response, request
from sqlalchemy import Connection

from web import sse
from web.auth import Access, agent, open_to
from web.bodies import body, moment, nonce, text
from web.desk import find
from web.errors import BadRequest
from web.service import service
from web.store import conversations, events
from web.types import Audience, Conversation, Event, Json, Status
from web.widget_api import state

desk_api = Blueprint("desk_api", __name__, url_prefix="/desk/api")
_HISTORY = 1000
_ID = "/conversations/<conversation_id>"


@desk_api.get("/queue")
@open_to(Access.AGENT)
def queue() -> Json:
    """Return the conversations of one status (or `all`), unassigned first, longest waiting first."""
    found = list_queue(request.args.get("status", "open"), request.args.get("mine", "0") == "1")
    return {"conversations": [conversation.to_json() for conversation in found]}


def list_queue(status: str, mine: bool) -> list[Conversation]:
    """Return at most 200 conversations. Raises BadRequest for a status that is none."""
    if status not in (*Status, "all"):
        raise BadRequest(f"There is no status '{status[:20]}'; ask for pending, open, snoozed, resolved or all.")
    wanted = None if status == "all" else Status(status)
    assignee = agent().id if mine else None
    return service().database.read(lambda connection: conversations.queue(connection, wanted, assignee))


@desk_api.get(_ID)
@open_to(Access.AGENT)
def show(conversation_id: str) -> Response:
    conversation, found, packet = read_conversation(conversation_id)
    return state(conversation, found, packet=packet)


def read_conversation(conversation_id: str) -> tuple[Conversation, list[Event], Json | None]:
    """Return all an agent may see of a conversation. Raises NotFound."""

    def work(connection: Connection) -> tuple[Conversation, list[Event], Json | None]:
        return (
            find(connection, conversation_id),
            events.newest_in(connection, conversation_id, _HISTORY, Audience.AGENTS),
            conversations.packet(connection, conversation_id),
        )

    return service().database.read(work)


@desk_api.post(f"{_ID}/claim")
@open_to(Access.AGENT)
def claim(conversation_id: str) -> Json:
    force = body().get("force") is True
    return _given(service().desk.claim(conversation_id, agent(), force))


@desk_api.post(f"{_ID}/messages")
@open_to(Access.AGENT)
def reply(conversation_id: str) -> tuple[Json, int]:
    given = body()
    message, new = service().desk.reply(conversation_id, agent(), nonce(given), text(given))
    return {"message": message}, 201 if new else 200


@desk_api.post(f"{_ID}/notes")
@open_to(Access.AGENT)
def note(conversation_id: str) -> tuple[Json, int]:
    given = body()
    message, new = service().desk.note(conversation_id, agent(), nonce(given), text(given))
    return {"message": message}, 201 if new else 200


@desk_api.post(f"{_ID}/give-back")
@open_to(Access.AGENT)
def give_back(conversation_id: str) -> Json:
    body()
    return _given(service().desk.give_back(conversation_id, agent()))


@desk_api.post(f"{_ID}/resolve")
@open_to(Access.AGENT)
def resolve(conversation_id: str) -> Json:
    body()
    return _given(service().desk.resolve(conversation_id, agent()))


@desk_api.post(f"{_ID}/snooze")
@open_to(Access.AGENT)
def snooze(conversation_id: str) -> Json:
    return _given(service().desk.snooze(conversation_id, agent(), moment(body(), "until")))


@desk_api.post(f"{_ID}/suggest")
@open_to(Access.AGENT)
def suggest(conversation_id: str) -> Json:
    body()
    return {"drafts": service().briefing.drafts(conversation_id)}


@desk_api.post(f"{_ID}/summary")
@open_to(Access.AGENT)
def summary(conversation_id: str) -> Json:
    body()
    return {"summary": service().briefing.summary(conversation_id)}


@desk_api.post(f"{_ID}/offers")
@open_to(Access.AGENT)
def offers(conversation_id: str) -> Json:
    body()
    return service().briefing.offers(conversation_id)


@desk_api.post(f"{_ID}/typing")
@open_to(Access.AGENT)
def typing(conversation_id: str) -> tuple[str, int]:
    body()
    here = service()
    here.database.read(lambda connection: find(connection, conversation_id))
    here.feed.to_visitor(conversation_id, sse.typing_frame(conversation_id, "agent", agent().name))
    return "", 204


@desk_api.get("/events")
@open_to(Access.AGENT)
def listen() -> Response:
    here = service()
    return sse.response(sse.stream(here.database, here.feed, None, sse.requested_cursor()))


def _given(conversation: Conversation) -> Json:
    return {"conversation": conversation.to_json()}
