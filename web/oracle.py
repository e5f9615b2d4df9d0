"""Holds the service's own record against the clients' journals, promise by promise.

1. An acknowledged message is never lost and never doubled; a stream replays exactly what was missed.
2. Every turn the assistant owns ends in exactly one reply or one handoff.
3. The assistant never speaks in a conversation a person owns.

Plain functions of values: what it is given decides what it finds. The service runs for promise 2 must have come to
rest; a turn still under way is "unanswered" until it ends.

What a turn is can be told from the log alone only between bounds, because a message joins a turn that is not yet
answered or begins one of its own: so much is checked always. Where the database's turns are at hand, each is checked
exactly as well.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from datetime import datetime
from itertools import pairwise

from web.journal import Acknowledged, Connected, Entry, Saw, Sent
from web.record import Event, History, Record, Turn


@dataclass(frozen=True, slots=True)
class Finding:
    """A broken promise: where, and what happened there in one sentence."""

    conversation: str
    sentence: str

    def __str__(self) -> str:
        return f"{self.conversation}: {self.sentence}"


Findings = tuple[Finding, ...]


@dataclass(frozen=True, slots=True)
class Verdict:
    """What was found, by kind. Nothing found in anything means that the promises held."""

    lost: Findings = ()  # acknowledged, and not in the record as it was sent
    doubled: Findings = ()  # in the record more than once, or shown more than once on one stream
    gaps: Findings = ()  # recorded, and passed over on a stream; or shown and not recorded
    unanswered: Findings = ()  # the assistant's turn, and neither reply nor handoff
    double_ended: Findings = ()  # more replies and handoffs than turns
    spoke_over: Findings = ()  # the assistant spoke while a person had the conversation
    leaked: Findings = ()  # an event for agents reached a visitor

    @property
    def held(self) -> bool:
        return not any(getattr(self, kind.name) for kind in fields(self))

    def __str__(self) -> str:
        lines = [f"{kind.name}: {finding}" for kind in fields(self) for finding in getattr(self, kind.name)]
        return "\n".join(lines) or "every promise held"


def check(entries: Sequence[Entry], record: Record, *, join_within_s: float = 1.5) -> Verdict:
    """Return every broken promise that journals and record together show.

    `entries` of several journals may follow one another in any order; each journal's own order must be kept.
    """
    histories = record.conversations
    return Verdict(
        lost=tuple(_lost(entries, record)),
        doubled=(*_doubled_messages(entries, record), *_doubled_on_streams(entries)),
        gaps=tuple(_gaps(entries, record)),
        unanswered=_each(histories, lambda history: _unanswered(history, join_within_s)),
        double_ended=_each(histories, _double_ended),
        spoke_over=_each(histories, _spoke_over),
        leaked=_each(histories, _leaked),
    )


def _each(histories: Mapping[str, History], look: Callable[[History], Iterable[str]]) -> Findings:
    return tuple(Finding(id, sentence) for id, history in histories.items() for sentence in look(history))


# --- Promise 1: messages


def _lost(entries: Sequence[Entry], record: Record) -> Iterator[Finding]:
    sent = {(entry.conversation, entry.nonce): entry for entry in entries if isinstance(entry, Sent)}
    kept = {
        (id, message["nonce"]): message
        for id, history in record.conversations.items()
        for message in _messages(history.public)
        if message.get("nonce") is not None
    }
    for entry in entries:
        if not isinstance(entry, Acknowledged):
            continue
        key = (entry.conversation, entry.nonce)
        message, before = kept.get(key), sent.get(key)
        if message is None:
            yield Finding(entry.conversation, f"nonce {entry.nonce} was acknowledged as {entry.message} and is gone")
        elif message["id"] != entry.message:
            yield Finding(entry.conversation, f"{entry.message} was acknowledged, {message['id']} was kept")
        elif before is not None and (message["text"], message["role"]) != (before.text, before.role):
            yield Finding(entry.conversation, f"{entry.message} was kept, but not as it was sent")


def _doubled_messages(entries: Sequence[Entry], record: Record) -> Iterator[Finding]:
    for id, history in record.conversations.items():
        messages = _messages(history.events)
        for nonce, times in Counter(message.get("nonce") for message in messages).items():
            if nonce is not None and times > 1:
                yield Finding(id, f"nonce {nonce} is there {times} times")
        for message, times in Counter(message["id"] for message in messages).items():
            if times > 1:
                yield Finding(id, f"message {message} is there {times} times")
    named: dict[tuple[str, str], str] = {}
    for entry in entries:
        if isinstance(entry, Acknowledged):
            first = named.setdefault((entry.conversation, entry.nonce), entry.message)
            if first != entry.message:
                yield Finding(
                    entry.conversation, f"nonce {entry.nonce} was acknowledged as {first} and {entry.message}"
                )


def _messages(events: Iterable[Event]) -> list[dict[str, object]]:
    return [dict(event.data) for event in events if event.kind == "message"]


# --- Promise 1: streams


def _by_stream(entries: Sequence[Entry]) -> Iterator[tuple[Connected, list[Saw]]]:
    """Each connection, with what came over it in the order in which it came."""
    seen: dict[str, list[Saw]] = {entry.stream: [] for entry in entries if isinstance(entry, Connected)}
    for entry in entries:
        if isinstance(entry, Saw):
            seen[entry.stream].append(entry)
    return ((entry, seen[entry.stream]) for entry in entries if isinstance(entry, Connected))


def _doubled_on_streams(entries: Sequence[Entry]) -> Iterator[Finding]:
    """A connection starts behind what its client already had, so an id at or before `after` is a second showing."""
    for connected, seen in _by_stream(entries):
        newest = connected.after
        for saw in seen:
            if saw.event <= newest:
                yield Finding(saw.conversation, f"event {saw.event} came again after {newest} on stream {saw.stream}")
            newest = max(newest, saw.event)


def _gaps(entries: Sequence[Entry], record: Record) -> Iterator[Finding]:
    for connected, seen in _by_stream(entries):
        if not seen:
            continue
        shown, newest = {saw.event for saw in seen}, max(saw.event for saw in seen)
        where = {saw.event: saw.conversation for saw in seen}
        should: dict[int, str] = {}
        for id, history in record.conversations.items():
            if connected.conversation in (id, None):
                events = history.events if connected.conversation is None else history.public
                should.update({event.id: id for event in events})
        for event in sorted(should):
            if connected.after < event <= newest and event not in shown:
                yield Finding(should[event], f"event {event} was passed over on stream {connected.stream}")
        for event in sorted(shown):
            if event not in should and where[event] in record.conversations:
                yield Finding(where[event], f"event {event} was shown on stream {connected.stream}, not recorded")


def _leaked(history: History) -> Iterator[str]:
    for event in history.public:
        if event.private or event.role == "note" or event.kind not in ("message", "status"):
            yield f"event {event.id} ({event.kind}) is for agents and the visitor can read it"
    if history.full is not None:
        meant = [event.id for event in history.full if not event.private]
        if meant != [event.id for event in history.public]:
            yield "visitor and desk are told different public events"


# --- Promises 2 and 3: turns and owners


@dataclass
class _Period:
    """A stretch of the log in which the assistant had the conversation."""

    wrote: list[Event] = field(default_factory=list)  # the customer's messages
    endings: list[tuple[Event, int]] = field(default_factory=list)  # replies and handoffs, each with len(wrote) then
    taken: Event | None = None  # the event with which people took over


@dataclass
class _Course:
    """A conversation's log, cut at its changes of owner."""

    periods: list[_Period]
    spoken_over: list[str] = field(default_factory=list)
    handed_twice: list[str] = field(default_factory=list)


def _course(history: History) -> _Course:
    course = _Course([_Period()])
    status, assignee, epoch, reply_at = "pending", None, 0, ""
    woke: list[Event] = []  # the status event that gives them back to the assistant may follow them
    for event in history.events:
        period = course.periods[-1]
        if event.role == "customer" and status == "pending":
            period.wrote.append(event)
        elif event.role == "customer" and status == "resolved":
            woke.append(event)
        elif event.role == "assistant" and status != "pending":
            course.spoken_over.append(f"event {event.id} is the assistant's while the conversation was {status}")
        elif event.role == "assistant":
            reply_at = event.at
            period.endings.append((event, len(period.wrote)))
        elif event.kind == "status":
            before, status = status, event.data["status"]
            was, assignee = assignee, (event.data["assignee"] or {}).get("id")
            if before == "pending" != status:
                period.taken = event
                if _gave_away(event) and event.at != reply_at:  # with the words that announce it, it is one ending
                    period.endings.append((event, len(period.wrote)))
            elif before != "pending" == status:
                course.periods.append(_Period(list(woke)))
            elif before == status == "open" and assignee == was and event.data["epoch"] != epoch:
                course.handed_twice.append(f"event {event.id} hands over what people already had")
            if before == "resolved" != status:
                woke = []
            epoch = event.data["epoch"]  # unchanged where the desk is only told that more is known
    if woke:
        course.periods.append(_Period(list(woke)))
    return course


def _gave_away(taken: Event) -> bool:
    """True if the assistant gave the conversation away; an agent's claim and the customer's own wish take it."""
    return taken.data["assignee"] is None and taken.data["reason"] not in (None, "customer_request")


def _spoke_over(history: History) -> list[str]:
    return _course(history).spoken_over


def _unanswered(history: History, join_within_s: float) -> Iterator[str]:
    turns, course = history.turns, _course(history)
    for period in course.periods:
        if period.taken is None and period.wrote:
            answered = period.endings[-1][1] if period.endings else 0
            if answered < len(period.wrote):
                yield f"the assistant owes an answer since event {period.wrote[-1].id}"
            elif (least := _fewest_turns(period.wrote, join_within_s)) > len(period.endings):
                yield f"at least {least} turns up to event {period.wrote[-1].id} ended {len(period.endings)} times"
        if turns is not None:
            known = {message for turn in turns for message in turn.customer}
            for event in period.wrote:
                at_once = period.taken is not None and period.taken.at == event.at  # it was a wish for a person
                if event.data["id"] not in known and not at_once:
                    yield f"message {event.data['id']} belongs to no turn"
    opened = [event.id for event in history.events if event.kind == "status" and event.data["status"] == "open"]
    for turn in turns or ():
        if turn.outcome is None:
            yield f"turn {turn.id} never ended"
        elif turn.outcome == "reply" and not turn.assistant:
            yield f"turn {turn.id} ended with a reply that nobody can read"
        elif turn.outcome == "handoff" and not any(id > _began(turn, history) for id in opened):
            yield f"turn {turn.id} was handed to nobody"


def _double_ended(history: History) -> Iterator[str]:
    course = _course(history)
    yield from course.handed_twice
    for period in course.periods:
        for number, (event, wrote) in enumerate(period.endings, 1):
            if number > wrote:
                yield f"event {event.id} is ending {number} of at most {wrote} turns"
    for turn in history.turns or ():
        allowed = 0 if turn.outcome == "taken" else 1
        if len(turn.assistant) > allowed:
            yield f"turn {turn.id} ended as {turn.outcome or 'unfinished'} with {len(turn.assistant)} replies"


def _began(turn: Turn, history: History) -> int:
    return max((event.id for event in history.events if event.data.get("id") in turn.customer), default=0)


def _fewest_turns(wrote: Sequence[Event], join_within_s: float) -> int:
    """Messages further apart than they could join are turns of their own."""
    at = [datetime.fromisoformat(event.at).timestamp() for event in wrote]
    slack_s = 0.1  # the log rounds to milliseconds, and a joining message is timed before it is written
    return 1 + sum(later - earlier > join_within_s + slack_s for earlier, later in pairwise(at))
