"""Turns: what the assistant still owes. Every change names the fence it was made under.

A lease raises the fence and gives its holder the turn until `leased_until`; a join or an ending raises it again, so
that whatever an older holder brings finds another number and changes nothing.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection, bindparam, func, insert, select, update

from web.schema import turns
from web.store.statement import Statement
from web.types import Outcome

_T = turns.c
_SELECT = select(
    _T.id,
    _T.conversation_id,
    _T.epoch,
    _T.fence,
    _T.attempts,
    _T.leased_by,
    _T.leased_until,
    _T.next_attempt_at,
    _T.first_at,
    _T.last_at,
    _T.deadline_at,
    _T.noticed_at,
    _T.ended_at,
)
_CHANGE = update(turns).where(_T.id == bindparam("key")).where(_T.ended_at.is_(None))
_FENCED = _CHANGE.where(_T.fence == bindparam("old_fence"))
_UNFINISHED_ROWS = _SELECT.where(_T.ended_at.is_(None)).order_by(_T.id)
_ENDING = _CHANGE.values(
    fence=_T.fence + 1,
    leased_by=None,
    leased_until=None,
    ended_at=bindparam("now"),
    outcome=bindparam("how"),
)

_BY_ID = Statement(_SELECT.where(_T.id == bindparam("id")))
_UNFINISHED = Statement(_UNFINISHED_ROWS)
_UNFINISHED_OF = Statement(_UNFINISHED_ROWS.where(_T.conversation_id == bindparam("conversation")))
_NEXT = Statement(
    select(func.min(_T.id)).where(_T.ended_at.is_(None)).where(_T.conversation_id == bindparam("conversation"))
)
_INSERT = Statement(
    insert(turns).returning(_T.id),
    ["conversation_id", "epoch", "fence", "attempts", "next_attempt_at", "first_at", "last_at", "deadline_at"],
)
_JOIN = Statement(
    _CHANGE.values(
        fence=_T.fence + 1,
        leased_by=None,
        leased_until=None,
        attempts=0,
        last_at=bindparam("now"),
        next_attempt_at=bindparam("now"),
    )
)
_LEASE = Statement(
    _FENCED.values(
        fence=_T.fence + 1, attempts=_T.attempts + 1, leased_by=bindparam("who"), leased_until=bindparam("until")
    )
)
_RENEW = Statement(_FENCED.values(leased_until=bindparam("until")))
_RELEASE = Statement(
    _FENCED.values(leased_by=None, leased_until=None, next_attempt_at=bindparam("again_at"), error=bindparam("code"))
)
_NOTICE = Statement(_CHANGE.where(_T.noticed_at.is_(None)).values(noticed_at=bindparam("now")))
_END = Statement(_ENDING)
_END_FENCED = Statement(_ENDING.where(_T.fence == bindparam("old_fence")))
_FREE = Statement(
    update(turns).where(_T.ended_at.is_(None)).where(_T.leased_by == bindparam("who")).values(leased_until=0.0)
)


@dataclass(frozen=True, slots=True)
class Turn:
    """A turn's row as it stands."""

    id: int
    conversation: str
    epoch: int
    fence: int
    attempts: int
    leased_by: str | None
    leased_until: float | None
    next_attempt_at: float
    first_at: float
    last_at: float
    deadline_at: float
    noticed_at: float | None
    ended_at: float | None

    def free(self, now: float) -> bool:
        """True if nobody holds it and its next attempt is due."""
        return (self.leased_until is None or self.leased_until <= now) and self.next_attempt_at <= now


def add(connection: Connection, conversation_id: str, epoch: int, now: float, deadline_at: float) -> int:
    row = _INSERT.first(
        connection,
        conversation_id=conversation_id,
        epoch=epoch,
        fence=0,
        attempts=0,
        next_attempt_at=now,
        first_at=now,
        last_at=now,
        deadline_at=deadline_at,
    )
    assert row is not None
    return int(row[0])


def get(connection: Connection, turn_id: int) -> Turn | None:
    row = _BY_ID.first(connection, id=turn_id)
    return Turn(*row) if row else None


def unfinished(connection: Connection) -> list[Turn]:
    """Return every turn that still owes an answer, oldest first."""
    return [Turn(*row) for row in _UNFINISHED.all(connection)]


def unfinished_of(connection: Connection, conversation_id: str) -> list[Turn]:
    return [Turn(*row) for row in _UNFINISHED_OF.all(connection, conversation=conversation_id)]


def next_of(connection: Connection, conversation_id: str) -> int | None:
    """Return the turn of this conversation whose turn it is."""
    row = _NEXT.first(connection, conversation=conversation_id)
    return row[0] if row else None


def join(connection: Connection, turn_id: int, now: float) -> None:
    """Let a further message into the turn: whoever works on it is stale from here."""
    _JOIN.change(connection, key=turn_id, now=now)


def lease(connection: Connection, turn: Turn, who: str, until: float) -> bool:
    """Take the turn under the next fence; False if somebody was faster."""
    return _LEASE.change(connection, key=turn.id, old_fence=turn.fence, who=who, until=until) == 1


def renew(connection: Connection, turn_id: int, fence: int, until: float) -> None:
    _RENEW.change(connection, key=turn_id, old_fence=fence, until=until)


def release(connection: Connection, turn_id: int, fence: int, again_at: float, error: str) -> None:
    """Give the turn back after a failed attempt, to be tried at `again_at`."""
    _RELEASE.change(connection, key=turn_id, old_fence=fence, again_at=again_at, code=error[:80])


def notice(connection: Connection, turn_id: int, now: float) -> bool:
    """Claim the turn's one notice; False if it was given or the turn has ended."""
    return _NOTICE.change(connection, key=turn_id, now=now) == 1


def end(connection: Connection, turn_id: int, fence: int, outcome: Outcome, now: float) -> bool:
    """End the turn if `fence` is still its own."""
    return _END_FENCED.change(connection, key=turn_id, old_fence=fence, now=now, how=outcome.value) == 1


def end_all(connection: Connection, conversation_id: str, outcome: Outcome, now: float) -> int:
    """End whatever the conversation still owed, because people have it now; return how many turns that were."""
    open_turns = unfinished_of(connection, conversation_id)
    for turn in open_turns:
        _END.change(connection, key=turn.id, now=now, how=outcome.value)
    return len(open_turns)


def holders(connection: Connection) -> set[str]:
    """Return who holds leases of unfinished turns."""
    return {turn.leased_by for turn in unfinished(connection) if turn.leased_by}


def free_all_of(connection: Connection, who: str) -> None:
    """Let go of every lease of a worker that is dead."""
    _FREE.change(connection, who=who)
