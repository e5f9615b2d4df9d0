"""What one process of the web room is made of, put together in one place."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from flask import current_app

from web.bot_client import BotClient
from web.briefing import Briefing
from web.database import Database
from web.desk import Desk
from web.intake import Intake
from web.limits import Limiter
from web.partials import Partials
from web.points import Points
from web.runner import TurnRunner
from web.settings import Secrets, Settings
from web.store import conversations
from web.sweeper import Sweeper
from web.tokens import Tokens
from web.wake import Feed


@dataclass(frozen=True)
class Service:
    """The parts the routes use. `start` begins answering turns; `stop` ends streams and takes no further turn."""

    settings: Settings
    database: Database
    tokens: Tokens
    intake: Intake
    desk: Desk
    briefing: Briefing
    runner: TurnRunner
    sweeper: Sweeper
    feed: Feed
    bot: BotClient
    clock: Callable[[], float]
    messages_limit: Limiter
    typing_limit: Limiter
    visitors_limit: Limiter
    logins_limit: Limiter

    def start(self) -> None:
        self.feed.start()
        self.runner.start()
        self.sweeper.start()

    def stop(self) -> None:
        self.sweeper.stop()
        self.runner.stop()
        self.feed.stop()

    def close(self) -> None:
        self.stop()
        self.bot.close()
        self.database.close()


def build(settings: Settings, home: Path, secrets: Secrets, clock: Callable[[], float] = time.time) -> Service:
    """Return the service over a database that `migrate` has prepared; nothing runs before `start`."""
    database = Database(settings.url(home))
    tokens = Tokens(secrets, settings.verified_hours)
    points = Points(settings.points_dir)
    bot = BotClient(settings.bot_url, secrets.bot.get_secret_value(), settings.turn_workers)
    feed = Feed(database)
    partials = Partials(feed, lambda conversation: _epoch_of(database, conversation))
    runner = TurnRunner(database, bot, tokens, settings, points, partials, clock)
    return Service(
        settings=settings,
        database=database,
        tokens=tokens,
        intake=Intake(database, runner, settings, points),
        desk=Desk(database, clock),
        briefing=Briefing(database, bot, runner, clock),
        runner=runner,
        sweeper=Sweeper(database, runner, settings, clock),
        feed=feed,
        bot=bot,
        clock=clock,
        messages_limit=Limiter(settings.messages_per_minute, settings.messages_burst),
        typing_limit=Limiter(60.0, 10),
        visitors_limit=Limiter(settings.visitors_per_minute, settings.visitors_burst),
        logins_limit=Limiter(settings.logins_per_minute, settings.logins_burst),
    )


def _epoch_of(database: Database, conversation_id: str) -> int | None:
    conversation = database.read(lambda connection: conversations.get(connection, conversation_id))
    return conversation.epoch if conversation else None


def service() -> Service:
    """Return the service of the app that serves this request."""
    return cast(Service, current_app.extensions["nightdesk"])
