"""A real browser, a real web room, a small assistant; and what a visitor and an agent do with them."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from browser_assistant import Assistant
from browser_people import Customer, Desk
from browser_site import EMAIL, PASSWORD
from playwright.sync_api import Browser, BrowserContext, Playwright, sync_playwright

CHROMIUM = Path("/usr/bin/chromium")
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
DESKTOP = {"width": 1280, "height": 800}
PHONE = {"width": 390, "height": 844}
DESK = {"width": 1440, "height": 900}


@dataclass(frozen=True)
class Site:
    """A running web room: where it is, who may enter its desk, and the assistant behind it."""

    url: str
    assistant: Assistant
    desk_email: str = EMAIL
    desk_password: str = PASSWORD


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    assistant = Assistant()
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    home = tmp_path_factory.mktemp("browser-home")
    script = str(Path(__file__).with_name("browser_site.py"))
    process = subprocess.Popen(
        [sys.executable, script, str(port), assistant.url, str(home)],
        stdout=(home / "log").open("wb"),
        stderr=subprocess.STDOUT,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )
    url = f"http://127.0.0.1:{port}"
    try:
        _wait_until_served(url, process, home / "log")
        yield Site(url, assistant)
    finally:
        process.terminate()
        process.wait(10)
        assistant.close()


def _wait_until_served(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        assert process.poll() is None, f"the web room ended:\n{log.read_text()[-2000:]}"
        with contextlib.suppress(OSError), urllib.request.urlopen(f"{url}/health", timeout=2):
            return
        time.sleep(0.1)
    pytest.fail(f"the web room did not come up:\n{log.read_text()[-2000:]}")


@pytest.fixture(scope="session")
def playwright() -> Iterator[Playwright]:
    if not CHROMIUM.exists():
        pytest.skip(f"there is no {CHROMIUM}; install Debian's package chromium")
    with sync_playwright() as started:
        yield started


@pytest.fixture(scope="session")
def browser(playwright: Playwright) -> Iterator[Browser]:
    browser = playwright.chromium.launch(executable_path=str(CHROMIUM), args=ARGUMENTS)
    yield browser
    browser.close()


@dataclass
class House:
    """Opens browsers of different people and remembers what went wrong in any of them."""

    browser: Browser
    complaints: list[str]
    contexts: list[BrowserContext]

    def person(self, **options: object) -> BrowserContext:
        context = self.browser.new_context(locale="en-GB", **options)  # type: ignore[arg-type]
        context.set_default_timeout(10_000)
        # A refused resource is what the offline tests are about; a script's error or a policy's veto never is.
        context.on(
            "console",
            lambda message: (
                self.complaints.append(message.text)
                if message.type == "error" and "Failed to load resource" not in message.text
                else None
            ),
        )
        context.on("weberror", lambda error: self.complaints.append(str(error.error)))
        self.contexts.append(context)
        return context

    def customer(self, url: str, **options: object) -> Customer:
        options.setdefault("viewport", DESKTOP)
        return Customer(self.person(**options).new_page(), url)

    def desk(self, url: str, email: str, password: str) -> Desk:
        desk = Desk(self.person(viewport=DESK).new_page(), url)
        desk.enter(email, password)
        return desk


@pytest.fixture
def house(browser: Browser) -> Iterator[House]:
    house = House(browser, [], [])
    yield house
    for context in house.contexts:
        context.close()
    assert house.complaints == [], "the browser complained"


@pytest.fixture
def customer(house: House, site: Site) -> Customer:
    """A visitor in the shop, with the chat open."""
    customer = house.customer(site.url)
    customer.visit()
    customer.open()
    return customer


@pytest.fixture
def desk(house: House, site: Site) -> Desk:
    """An agent at the desk."""
    return house.desk(site.url, site.desk_email, site.desk_password)
