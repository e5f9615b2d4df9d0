"""Services over fakes, and a chat that drives them as web does."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from bot_fakes import Chat, make_services
from example_shop import ExampleShop, offices, serving

from bot.actions.registry import run as perform
from bot.backoffice.http.office import HttpBackOffice
from bot.services import Services
from bot.tracker import fold


@pytest.fixture
def services() -> Iterator[Services]:
    made = make_services()
    yield made
    made.reader.stop()


@pytest.fixture
def new_chat(services: Services) -> Callable[..., Chat]:
    """A new conversation with the services."""

    async def run(call: dict[str, Any]) -> dict[str, Any]:
        outcome = await perform(call["next_action"], services, fold(call["tracker"]))
        return {"events": list(outcome.events), "responses": list(outcome.responses)}

    return lambda **changes: Chat(run, **changes)


@pytest.fixture
def talk(new_chat: Callable[..., Chat]) -> Callable[..., tuple[Chat, list[list[dict[str, Any]]]]]:
    """Say several things one after the other; returns the chat and the responses to each."""

    def talk(*texts: str, **changes: Any) -> tuple[Chat, list[list[dict[str, Any]]]]:
        chat = new_chat(**changes)

        async def all_of_it() -> list[list[dict[str, Any]]]:
            return [await chat.say(text) for text in texts]

        return chat, asyncio.run(all_of_it())

    return talk


# A shop behind HTTP, running on loopback


@pytest.fixture
def shop() -> ExampleShop:
    return ExampleShop()


@pytest.fixture
def address(shop: ExampleShop) -> Iterator[str]:
    with serving(shop) as address:
        yield address


@pytest.fixture
def opens(tmp_path: Path, address: str) -> Iterator[Callable[..., HttpBackOffice]]:
    """Open the shop as its file describes it, or with changes to the description."""
    with offices(tmp_path, address) as opens:
        yield opens
