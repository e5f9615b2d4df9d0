"""What the operator can set for the web room, and the secrets it needs."""

from __future__ import annotations

import re
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator

# They end up in a response header: a host, perhaps with *. before it, and nothing that could end the directive.
_ORIGIN = re.compile(r"https?://(\*\.)?[A-Za-z0-9.-]+(:\d{1,5})?")


class DemoCustomer(BaseModel):
    """A customer the demo shop can sign in."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    customer_id: str
    name: str


class Settings(BaseModel):
    """The `[web]` section. Every key has a default that suits the demo on one machine."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    host: str = Field("127.0.0.1", description="Address to listen on; put a TLS proxy before anything public.")
    port: int = Field(8000, ge=0, le=65535, description="Port to listen on.")
    workers: int = Field(1, ge=1, le=64, description="Web processes; typing signs reach only the same process.")
    database_url: str = Field("", description="SQLAlchemy URL; empty means nightdesk.db in the home folder.")
    bot_url: str = Field("http://127.0.0.1:5055", description="Where the action server listens.")
    proxies: int = Field(0, ge=0, le=5, description="Reverse proxies before us whose X-Forwarded-* are believed.")
    secure_cookies: bool = Field(False, description="Send cookies over HTTPS only; true behind TLS.")

    turn_deadline_s: float = Field(60.0, gt=0, description="After this a turn without an answer goes to a person.")
    notice_after_s: float = Field(1.4, gt=0, description="After this without an answer the customer is told so.")
    join_within_s: float = Field(1.5, ge=0, description="Messages closer than this join one turn.")
    attempt_timeout_s: float = Field(20.0, gt=0, description="How long one call of the assistant may take.")
    lease_s: float = Field(15.0, gt=0, description="A turn whose worker died is taken up again after this.")
    sweep_s: float = Field(0.2, gt=0, description="How often unfinished turns are looked at.")
    turn_workers: int = Field(64, ge=1, description="Turns one process has under way at once.")
    history_turns: int = Field(40, ge=1, description="How many past turns the assistant is told of.")

    embed_origins: tuple[str, ...] = Field((), description="Sites that may embed the widget, https://shop.example.")
    assistant_name: str = Field("Moss", description="What the assistant is called.")
    greeting: str = Field(
        "Hello, I'm Moss. Ask me about orders, deliveries or plants.", description="What the open widget says first."
    )
    chips: tuple[str, ...] = Field(
        ("Where is my order?", "How do I return something?", "What does delivery cost?"),
        description="Questions offered before the first message.",
    )
    max_message_chars: int = Field(4000, ge=1, description="Longer messages are refused.")
    max_body_bytes: int = Field(65536, ge=1024, description="Larger request bodies are refused.")
    messages_per_minute: float = Field(40.0, gt=0, description="Messages a visitor may send, in the long run.")
    messages_burst: int = Field(15, ge=1, description="Messages a visitor may send at once.")
    visitors_per_minute: float = Field(120.0, gt=0, description="New widgets one address may open, in the long run.")
    visitors_burst: int = Field(60, ge=1, description="New widgets one address may open at once.")
    logins_per_minute: float = Field(2.0, gt=0, description="Wrong passwords one address may try, in the long run.")
    logins_burst: int = Field(8, ge=1, description="Wrong passwords one address may try at once.")
    verified_hours: float = Field(12.0, gt=0, description="How long a shop's word for who a visitor is holds.")

    demo: bool = Field(False, description="Serve the demo shop at / and let it sign in the customers below.")
    demo_customers: tuple[DemoCustomer, ...] = Field(
        (
            DemoCustomer(customer_id="C-0001", name="Ada Lindqvist"),
            DemoCustomer(customer_id="C-0002", name="Bruno Keller"),
        ),
        description="Whom the demo shop can sign in.",
    )
    demo_goods: Path = Field(
        Path("data/demo/backoffice.json"), description="JSON of {products, orders} that the demo shop shows."
    )
    points_dir: Path | None = Field(None, description="For the kill tests: where armed stopping points lie.")

    @field_validator("embed_origins")
    @classmethod
    def _are_origins(cls, origins: tuple[str, ...]) -> tuple[str, ...]:
        for origin in origins:
            if not _ORIGIN.fullmatch(origin):
                raise ValueError(f"embed_origins has '{origin}'; give origins such as https://shop.example")
        return origins

    def url(self, home: Path) -> str:
        """Return the database's URL: the one set, or SQLite in the home folder."""
        return self.database_url or f"sqlite:///{home / 'nightdesk.db'}"


class Secrets(BaseModel):
    """The keys of the web room. None has a default; each is at least 32 characters of randomness."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    session: SecretStr = Field(min_length=32, description="Signs the desk's session cookie.")
    visitor: SecretStr = Field(min_length=32, description="Signs visitor tokens.")
    identity: SecretStr = Field(min_length=32, description="Signs what the bot is told of who asks; shared with it.")
    shop: SecretStr = Field(min_length=32, description="The shop signs identities with it; shared with the shop.")
    bot: SecretStr = Field(min_length=32, description="Opens the action server; shared with it.")
