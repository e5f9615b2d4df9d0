"""What the widget calls: who am I, my conversation, my messages, a person please."""

from __future__ import annotations

import json

from flask import Blueprint, Response, request
from sqlalchemy import Connection

from web import sse
from web.auth import Access, open_to, visitor
from web.bodies import body, nonce, optional, payload, text
from web.errors import TooMany
from web.identities import arrive
from web.intake import Posted, owned
from web.service import service
from web.store import conversations, events, visitors
from web.store.ids import new_id
from web.types import Audience, Conversation, Event, Json, Status, Visitor

widget_api = Blueprint("widget_api", __name__, url_prefix="/api")
_HISTORY = 1000
_ID = "/conversations/<conversation_id>"


@widget_api.post("/visitor")
@open_to(Access.ANYONE)
def introduce() -> Json:
    """Say who is at the widget and how to go on; see `identities.arrive` for whose conversation that may be."""
    here = service()
    given = body()
    token = optional(given, "token")
    if token is None and not here.visitors_limit.allow(request.remote_addr or ""):
        raise TooMany("Too many new visitors from this address; please wait a minute.")
    arrival = arrive(here, token, optional(given, "identity"), signed_out="identity" in given and not given["identity"])
    latest = here.database.read(lambda connection: conversations.latest_of(connection, arrival.visitor.id))
    settings = here.settings
    return {
        "token": arrival.token,
        "visitor": arrival.visitor.to_json(),
        "conversation": latest.id if latest else None,
        "assistant": {
            "name": settings.assistant_name,
            "greeting": settings.greeting,
            "chips": list(settings.chips),
        },
    }


@widget_api.post("/conversations")
@open_to(Access.VISITOR)
def create() -> tuple[Json, int]:
    """Begin a conversation; one that has no message yet is given again."""
    here, who = service(), visitor()
    allow_message(who)

    def work(connection: Connection) -> Conversation:
        latest = conversations.latest_of(connection, who.id)
        if latest is not None and not latest.preview and latest.status is Status.PENDING:
            return latest
        now = here.clock()
        visitors.add(connection, who, now)
        conversation = Conversation(new_id("c"), who, Status.PENDING, epoch=1, created_at=now, updated_at=now)
        conversations.add(connection, conversation)
        return conversation

    return {"conversation": here.database.write(work).to_json()}, 201


@widget_api.get(_ID)
@open_to(Access.VISITOR)
def history(conversation_id: str) -> Response:
    """Return the conversation and what was said in it, with the cursor to listen from."""
    who = visitor()

    def work(connection: Connection) -> tuple[Conversation, list[Event]]:
        conversation = owned(connection, conversation_id, who)
        return conversation, events.newest_in(connection, conversation_id, _HISTORY, Audience.EVERYONE)

    return state(*service().database.read(work))


@widget_api.post(f"{_ID}/messages")
@open_to(Access.VISITOR)
def post_message(conversation_id: str) -> tuple[Json, int]:
    """Acknowledge a message that is on disk; a nonce seen before gets the same answer as then."""
    here, who = service(), visitor()
    given = body()
    posted = Posted(nonce(given), text(given), payload(given))
    allow_message(who)
    taken = here.intake.accept(conversation_id, who, posted, here.clock())
    if taken.asked_for_person:
        here.briefing.packet_soon(conversation_id)
    return {"message": taken.message, "cursor": taken.cursor}, 201 if taken.new else 200


@widget_api.post(f"{_ID}/handoff")
@open_to(Access.VISITOR)
def ask_for_person(conversation_id: str) -> tuple[Json, int]:
    here, who = service(), visitor()
    key = nonce(body())
    allow_message(who)
    conversation, news = here.intake.ask_for_person(conversation_id, who, key, here.clock())
    if news:
        here.briefing.packet_soon(conversation_id)
    return {"conversation": conversation.to_json()}, 202


@widget_api.post(f"{_ID}/typing")
@open_to(Access.VISITOR)
def typing(conversation_id: str) -> tuple[str, int]:
    here, who = service(), visitor()
    body()
    if not here.typing_limit.allow(who.id):
        return "", 204  # a sign more or less is no matter; desks must not be flooded with them
    here.database.read(lambda connection: owned(connection, conversation_id, who))
    here.feed.to_agents(sse.typing_frame(conversation_id, "customer", who.name or None))
    return "", 204


@widget_api.get(f"{_ID}/events")
@open_to(Access.VISITOR)
def listen(conversation_id: str) -> Response:
    here, who = service(), visitor()
    cursor = sse.requested_cursor()
    here.database.read(lambda connection: owned(connection, conversation_id, who))
    return sse.response(sse.stream(here.database, here.feed, conversation_id, cursor))


def allow_message(who: Visitor) -> None:
    """Take one of the visitor's tokens. Raises TooMany."""
    if not service().messages_limit.allow(who.id):
        raise TooMany("That was a lot at once; please wait a few seconds and send it again.")


def state(conversation: Conversation, found: list[Event], **more: object) -> Response:
    """Return a conversation with its events as JSON; the events are spliced in as they were stored."""
    cursor = found[-1].id if found else 0
    head = json.dumps({"conversation": conversation.to_json(), "cursor": cursor, **more}, ensure_ascii=False)
    listed = ",".join(event.to_text() for event in found)
    return Response(f'{head[:-1]}, "events": [{listed}]}}', mimetype="application/json")
