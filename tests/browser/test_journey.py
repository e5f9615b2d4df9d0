"""The whole house in one evening: a real `nightdesk serve` on the demo company, a customer, an agent.

`service` (tests/conftest.py) is the running service: url, desk_email, desk_password, and bot_held(), a context in
which the assistant's process stands still. With --screenshots, what is seen on the way is kept in docs/images.
"""

from __future__ import annotations

import re
import secrets
from pathlib import Path
from typing import Any

import pytest
from browser_people import Customer
from conftest import PHONE, House
from playwright.sync_api import Page, expect

pytestmark = [pytest.mark.browser, pytest.mark.weights]

IMAGES = Path(__file__).resolve().parents[2] / "docs" / "images"
QUESTION = "Can I send back a pot I have not used?"
ADAS_ORDER, BRUNOS_ORDER = "MG-10234", "MG-10240"
ABSURD = "Which planet is best for growing opera singers?"


@pytest.fixture
def picture(request: pytest.FixtureRequest) -> Any:
    """Keep a picture of the page under this name, if pictures were asked for."""

    def take(page: Page, name: str) -> None:
        if request.config.getoption("--screenshots"):
            IMAGES.mkdir(parents=True, exist_ok=True)
            page.wait_for_timeout(400)
            page.screenshot(path=IMAGES / f"{name}.png")

    return take


def latest(customer: Customer) -> str:
    return customer.said("assistant").last.inner_text()


def hears_one_more(customer: Customer, before: int) -> str:
    expect(customer.said("assistant")).to_have_count(before + 1, timeout=20_000)
    return latest(customer)


def test_an_evening_at_mossgrove(house: House, service: Any, picture: Any) -> None:
    # Ada, still a stranger, asks something the help centre knows.
    ada = house.customer(service.url)
    ada.visit()
    picture(ada.page, "shop")
    ada.open()
    picture(ada.page, "widget-greeting")
    ada.say(QUESTION)
    hears_one_more(ada, 0)
    source = ada.log.locator(".from-assistant .sources summary").last
    expect(source).to_contain_text("Source")
    picture(ada.page, "widget-desktop")
    source.click()
    expect(ada.log.locator(".from-assistant blockquote").first).to_be_visible()

    # She signs in; her own order can be tracked, Bruno's cannot, however she asks.
    ada.sign_in("Ada")
    expect(ada.said("assistant")).to_have_count(1)
    ada.say("Where is my order?")
    hears_one_more(ada, 1)
    ada.chat.get_by_role("button", name=re.compile(ADAS_ORDER)).click()
    assert ADAS_ORDER in hears_one_more(ada, 2)
    picture(ada.page, "widget-order")
    ada.say("Where is my order?")
    hears_one_more(ada, 3)
    ada.say(BRUNOS_ORDER)
    refusal = hears_one_more(ada, 4)
    assert not re.search(r"snowdrop|trowel|Freiburg|Keller|DHL|JJD|24 November|2026-11-24", refusal, re.IGNORECASE)

    ada.say("How long does delivery to Sweden take?")
    hears_one_more(ada, 5)

    # Something absurd gets an honest answer and a way to a person.
    ada.say(ABSURD)
    honest = hears_one_more(ada, 6)
    assert re.search(r"don['’]t know|not sure|can['’]t|cannot|no answer", honest, re.IGNORECASE)
    expect(ada.chat.get_by_role("button", name=re.compile("person", re.IGNORECASE)).first).to_be_visible()
    picture(ada.page, "widget-dont-know")

    # While one more question is under way she asks for a person, and Ines claims before the answer is there.
    desk = house.desk(service.url, service.desk_email, service.desk_password)
    with service.bot_held():
        ada.say("And can I choose the day?")
        ada.ask_for_person()
        expect(ada.chat.locator("#state")).to_have_text("Waiting for a person")
        ada.say(words := f"It is a present; the card has the number {secrets.randbelow(900) + 100}.")
        ours = desk.queue.filter(has_text=words)
        expect(ours).to_contain_text("Ada Lindqvist")
        expect(ours).to_contain_text("Asked for a person")
        ours.click()
        expect(desk.panel.get_by_text("Identity verified")).to_be_visible()
        desk.claim()
        expect(ada.chat.locator("#state")).to_have_text("A person is answering you")
    expect(desk.thread.locator(".discarded")).to_have_count(1, timeout=30_000)
    expect(desk.panel.locator(".reason")).to_have_text("Asked for a person")
    expect(desk.panel.locator("#summary")).not_to_be_empty()
    assert ada.said("assistant").count() == 7, "the assistant spoke after a person had taken over"

    # Ines answers; the assistant stays silent, whatever is asked.
    desk.note("Sweden ships from Malmö on Mondays and Thursdays.")
    desk.reply("Good evening, Ada, this is a person. To Malmö it takes two days; yours leaves on Monday.")
    ada.hears("this is a person", role="agent")
    ada.say("Thank you! And can I send back a pot I have not used?")
    expect(desk.thread.locator(".from-customer").last).to_contain_text("not used")
    ada.page.wait_for_timeout(2500)
    assert ada.said("assistant").count() == 7
    desk.thread.get_by_text("came too late").click()
    desk.page.get_by_role("button", name="Suggest drafts").click()
    expect(desk.panel.locator(".draft").first).to_be_visible(timeout=60_000)
    desk.page.locator("#scroll").evaluate("scroll => scroll.scrollTo(0, scroll.scrollHeight)")
    picture(desk.page, "desk")
    picture(ada.page, "widget-person")

    # Given back, the assistant answers again; then Ines takes over and closes.
    desk.page.locator("#do-give-back").click()
    expect(ada.chat.get_by_text("is answering again")).to_be_visible()
    ada.say(QUESTION)
    hears_one_more(ada, 7)
    desk.claim()
    desk.page.locator("#do-resolve").click()
    expect(desk.page.locator("#head")).to_contain_text("Resolved")
    expect(ada.chat.get_by_text("This conversation was closed")).to_be_visible()


def test_the_same_on_a_phone(house: House, service: Any, picture: Any) -> None:
    visitor = house.customer(service.url, viewport=PHONE, has_touch=True, is_mobile=True, device_scale_factor=2)
    visitor.visit()
    picture(visitor.page, "shop-phone")
    visitor.open()
    visitor.say(QUESTION)
    hears_one_more(visitor, 0)
    visitor.say(ABSURD)
    hears_one_more(visitor, 1)
    picture(visitor.page, "widget-phone")


def test_pictures_of_the_dark_and_of_the_door(house: House, service: Any, picture: Any) -> None:
    night = house.customer(service.url, color_scheme="dark")
    night.visit()
    night.open()
    night.say(QUESTION)
    hears_one_more(night, 0)
    expect(night.chat.locator("body")).not_to_have_css("background-color", "rgb(253, 252, 250)")
    picture(night.page, "widget-dark")
    door = house.person(viewport={"width": 1440, "height": 900}).new_page()
    door.goto(f"{service.url}/desk")
    expect(door.get_by_role("button", name="Sign in")).to_be_visible()
    picture(door, "desk-login")
