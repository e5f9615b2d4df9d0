"""The tables, in words SQLite and PostgreSQL share. Times are seconds since 1970, UTC; JSON is text.

`events` is the append-only log that clients and the assistant read; its id is the cursor of every stream.
`messages` is the index that makes a nonce count once. A turn is unfinished while `ended_at` is null.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Column,
    Double,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    SmallInteger,
    String,
    Table,
    Text,
    UniqueConstraint,
)

# SQLite counts up only an INTEGER primary key; PostgreSQL should have room for more than 2^31 events.
_Counter = BigInteger().with_variant(Integer, "sqlite")

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "pk": "pk_%(table_name)s",
    }
)

visitors = Table(
    "visitors",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("customer_id", String(200), nullable=False, index=True),
    Column("name", String(200), nullable=False),
    Column("created_at", Double, nullable=False),
)

agents = Table(
    "agents",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("email", String(320), nullable=False, unique=True),
    Column("name", String(200), nullable=False),
    Column("password_hash", Text, nullable=False),
    Column("created_at", Double, nullable=False),
)

conversations = Table(
    "conversations",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("visitor_id", String(40), ForeignKey("visitors.id"), nullable=False, index=True),
    Column("status", String(20), nullable=False),
    Column("epoch", Integer, nullable=False),
    Column("assignee_id", String(40), ForeignKey("agents.id")),
    Column("reason", String(40)),
    Column("waiting_since", Double),
    Column("snoozed_until", Double),
    Column("session_from", _Counter, nullable=False),
    Column("slots", Text, nullable=False),
    Column("packet", Text),
    Column("preview", Text, nullable=False),
    Column("unread", Integer, nullable=False),
    Column("created_at", Double, nullable=False),
    Column("updated_at", Double, nullable=False),
    Index(None, "status", "waiting_since"),
)

turns = Table(
    "turns",
    metadata,
    Column("id", _Counter, primary_key=True, autoincrement=True),
    Column("conversation_id", String(40), ForeignKey("conversations.id"), nullable=False),
    Column("epoch", Integer, nullable=False),
    Column("fence", Integer, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("leased_by", String(200)),
    Column("leased_until", Double),
    Column("next_attempt_at", Double, nullable=False),
    Column("first_at", Double, nullable=False),
    Column("last_at", Double, nullable=False),
    Column("deadline_at", Double, nullable=False),
    Column("noticed_at", Double),
    Column("ended_at", Double),
    Column("outcome", String(20)),
    Column("error", String(80)),
    sqlite_autoincrement=True,
)
Index(
    "ix_turns_unfinished",
    turns.c.conversation_id,
    turns.c.id,
    sqlite_where=turns.c.ended_at.is_(None),
    postgresql_where=turns.c.ended_at.is_(None),
)

events = Table(
    "events",
    metadata,
    Column("id", _Counter, primary_key=True, autoincrement=True),
    Column("conversation_id", String(40), ForeignKey("conversations.id"), nullable=False),
    Column("audience", SmallInteger, nullable=False),
    Column("kind", String(20), nullable=False),
    Column("at", Double, nullable=False),
    Column("data", Text, nullable=False),
    Index(None, "conversation_id", "id"),
    sqlite_autoincrement=True,
)

messages = Table(
    "messages",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("conversation_id", String(40), ForeignKey("conversations.id"), nullable=False),
    Column("nonce", String(120)),
    Column("role", String(20), nullable=False),
    Column("turn_id", _Counter, ForeignKey("turns.id"), index=True),
    Column("event_id", _Counter, ForeignKey("events.id"), nullable=False),
    Column("payload", Text),
    UniqueConstraint("conversation_id", "nonce"),
)
