"""Homes for a service that will be killed."""

from __future__ import annotations

import json
import secrets
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from kill_orders import write_orders
from kill_service import ORDERS, ROOT, Place

NOT_NEEDED = ("finetune__entities", "finetune__sentiment", "finetune__support", "finetune__composed")
"""What would take minutes to learn and is not what the tests kill for."""


@pytest.fixture(scope="session")
def company(tmp_path_factory: pytest.TempPathFactory, weights: Path) -> Path:
    """A home folder with the demo company's help centre read and learnt, agents, and many orders to cancel."""
    home = tmp_path_factory.mktemp("company") / "home"
    place = Place.make(home, **dict.fromkeys(NOT_NEEDED, ""))
    (home / "weights").symlink_to(weights)
    demo = ROOT / "data" / "demo"
    place.run("ingest", str(demo / "articles"))  # the transcripts would take a minute and prove nothing here
    place.run("train", "--heads")
    place.add_agents()
    write_orders(home)
    return home


@pytest.fixture
def place_in(company: Path, tmp_path: Path) -> Callable[..., Place]:
    """`place_in(room__key=value, …)`: a fresh copy of the company under these settings."""

    def make(**settings: object) -> Place:
        home = tmp_path / "home"
        shutil.copytree(company, home, symlinks=True, ignore=shutil.ignore_patterns("points", "backoffice.db*"))
        return Place.make(home, bot__backoffice_seed=str(home / ORDERS), **settings)

    return make


@pytest.fixture
def light_place(tmp_path: Path) -> Place:
    """A home with agents and orders for the bot that needs no weights."""
    place = Place.make(tmp_path / "home")
    names = ("session", "visitor", "shop", "bot", "identity", "corpus")
    (place.home / "secrets.json").write_text(json.dumps({name: secrets.token_hex(32) for name in names}))
    place.add_agents()
    write_orders(place.home)
    return place
