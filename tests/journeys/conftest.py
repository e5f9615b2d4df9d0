"""The stage that the journeys are played on: the whole demo company, served once."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from journey_office import Office
from journey_play import Stage


@pytest.fixture(scope="session")
def stage(service: Any) -> Iterator[Stage]:
    office = Office(service.home / "backoffice.db")
    yield Stage(service.url, service.home, office)
    office.close()
