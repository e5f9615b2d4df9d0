"""A whole web room for each test: a real database, real turn workers, a real (small) assistant over HTTP."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from web_fakes import FakeBot, Site

from web.migrations import migrate


@pytest.fixture(scope="session")
def empty_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated database without a row; copying it is quicker than migrating again."""
    path = tmp_path_factory.mktemp("database") / "nightdesk.db"
    migrate(f"sqlite:///{path}")
    return path


@pytest.fixture
def bot() -> Iterator[FakeBot]:
    bot = FakeBot()
    yield bot
    bot.close()


@pytest.fixture
def make_site(home: Path, empty_database: Path, bot: FakeBot) -> Iterator[Callable[..., Site]]:
    """Make a site with settings of the test's own; `run=False` leaves its background work standing still."""
    made: list[Site] = []
    shutil.copy(empty_database, home / "nightdesk.db")

    def make(run: bool = True, **settings: Any) -> Site:
        site = Site(home, bot.url, **settings)
        if run:
            site.service.start()
        made.append(site)
        return site

    yield make
    for site in made:
        site.service.close()


@pytest.fixture
def site(make_site: Callable[..., Site]) -> Site:
    return make_site()
