"""The desk in a browser: what an agent sees, does and never loses."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from browser_people import Customer, Desk
from conftest import House, Site
from playwright.sync_api import Route, expect

pytestmark = pytest.mark.browser

EVIL = '<img src=x onerror="document.title=1"> [press](javascript:document.title=2)'


@pytest.fixture
def waiting(house: House, site: Site) -> Callable[[str], Customer]:
    """Make a customer who asked, was answered, wants a person and then says the given words."""

    def make(words: str, say_first: str = "How do I return a pot?") -> Customer:
        customer = house.customer(site.url)
        customer.visit()
        customer.open()
        customer.say(say_first)
        expect(customer.said("assistant")).to_have_count(1)
        customer.ask_for_person()
        expect(customer.log.locator(".notice")).to_have_count(1)
        customer.say(words)
        expect(customer.chat.locator(".delivery")).to_have_count(0)
        return customer

    return make


def test_a_wrong_password_is_told_in_a_sentence(house: House, site: Site) -> None:
    page = house.person().new_page()
    page.goto(f"{site.url}/desk/login")
    page.get_by_label("E-mail").fill(site.desk_email)
    page.get_by_label("Password").fill("not the password")
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("alert")).to_contain_text("do not belong together")
    expect(page.get_by_label("E-mail")).to_have_value(site.desk_email)


def test_a_handoff_reaches_an_open_desk_with_its_reason(desk: Desk, waiting: Callable[..., Customer]) -> None:
    waiting("the one who arrives live")
    line = desk.queue.filter(has_text="the one who arrives live")
    expect(line).to_be_visible()
    expect(line).to_contain_text("Asked for a person")
    assert re.match(r"\(\d+\) ", desk.page.title())


def test_the_panel_tells_what_is_known(desk: Desk, waiting: Callable[..., Customer]) -> None:
    waiting("the one with the packet")
    desk.open("the one with the packet")
    expect(desk.panel.get_by_text("Wants a person about a dented watering can.")).to_be_visible()
    expect(desk.panel.get_by_text("MG-10234")).to_be_visible()
    expect(desk.panel.get_by_text("answered from Returns and refunds")).to_be_visible()
    expect(desk.panel.get_by_text("Not verified")).to_be_visible()
    desk.thread.get_by_text("Why did the assistant say that?").click()
    expect(desk.thread.locator(".reading")).to_contain_text("return item")
    expect(desk.thread.locator(".reading")).to_contain_text("87%")


def test_words_reach_the_customer_and_notes_do_not(desk: Desk, waiting: Callable[..., Customer]) -> None:
    customer = waiting("the one who gets an answer")
    desk.open("the one who gets an answer")
    desk.claim()
    desk.note("Looks honest to me.")
    desk.reply("Good evening. **How** can I help?")
    heard = customer.hears("Good evening. How can I help?", role="agent")
    expect(heard.locator(".name")).to_have_text("Ines")
    expect(customer.chat.get_by_role("heading", level=1)).to_have_text("Ines")
    expect(customer.chat.get_by_text("Ines joined the conversation")).to_be_visible()
    expect(desk.thread.locator(".from-note")).to_have_text(re.compile("Looks honest to me."))
    expect(desk.thread.locator(".from-note .tag")).to_have_text("private note")
    expect(customer.log.get_by_text("Looks honest")).to_have_count(0)


def test_a_claimed_conversation_cannot_be_answered_by_another_agent(
    house: House, site: Site, desk: Desk, waiting: Callable[..., Customer]
) -> None:
    waiting("the one nobody has claimed")
    desk.open("the one nobody has claimed")
    expect(desk.page.locator("#reply-text")).to_be_disabled()
    expect(desk.page.locator("#reply .hint")).to_contain_text("Claim the conversation")


def test_typed_words_survive_a_look_elsewhere_and_a_reload(desk: Desk, waiting: Callable[..., Customer]) -> None:
    waiting("the first of two")
    waiting("the second of two")
    desk.open("the first of two")
    desk.claim()
    desk.page.locator("#reply-text").fill("half an answer")
    desk.open("the second of two")
    expect(desk.page.locator("#reply-text")).to_have_value("")
    desk.open("the first of two")
    expect(desk.page.locator("#reply-text")).to_have_value("half an answer")
    desk.page.reload()
    expect(desk.page.locator("#reply-text")).to_have_value("half an answer")


def test_a_lost_acknowledgement_doubles_no_reply(desk: Desk, waiting: Callable[..., Customer]) -> None:
    customer = waiting("the one behind a bad line")
    desk.open("the one behind a bad line")
    desk.claim()
    lost = []

    def lose(route: Route) -> None:
        answer = route.fetch()
        if lost:
            route.fulfill(response=answer)
        else:
            lost.append(answer)
            route.abort()

    desk.page.context.route("**/messages", lose)
    desk.reply("said once")
    customer.hears("said once", role="agent")
    desk.page.wait_for_timeout(1500)
    expect(desk.thread.locator(".from-agent")).to_have_count(1)
    expect(desk.thread.locator(".sending")).to_have_count(0)
    expect(customer.said("agent")).to_have_count(1)


def test_the_keys_do_what_the_list_says(desk: Desk, waiting: Callable[..., Customer]) -> None:
    customer = waiting("the one for the keys")
    page = desk.page
    page.keyboard.press("?")
    expect(page.get_by_role("dialog", name="Keyboard")).to_be_visible()
    page.keyboard.press("Escape")
    desk.open("the one for the keys")
    page.keyboard.press("Alt+l")
    expect(page.locator("#reply-text")).to_be_focused()
    page.keyboard.press("Alt+1")
    expect(page.locator("#reply-text")).to_have_value("I have asked the warehouse; you will hear today.")
    page.keyboard.press("Control+Enter")
    customer.hears("I have asked the warehouse", role="agent")
    page.keyboard.press("Alt+p")
    expect(page.locator("#note-text")).to_be_focused()
    page.keyboard.press("Alt+m")
    expect(page.get_by_role("button", name="For an hour")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("#head")).to_contain_text("Snoozed by you")
    page.keyboard.press("Alt+e")
    expect(page.locator("#head")).to_contain_text("Resolved")
    expect(customer.chat.get_by_text("This conversation was closed")).to_be_visible()


def test_what_stands_on_the_page_is_not_touched_by_news(desk: Desk, waiting: Callable[..., Customer]) -> None:
    customer = waiting("the one who writes twice")
    desk.open("the one who writes twice")
    expect(desk.thread.locator(".day")).to_have_count(1)
    desk.thread.get_by_text("Why did the assistant say that?").click()
    desk.thread.evaluate(
        """thread => {
            window.touched = [];
            new MutationObserver((changes) => changes.forEach((change) => change.removedNodes.forEach(
                (node) => touched.push(node.textContent)))).observe(thread, {childList: true});
        }"""
    )
    customer.say("and here is the second line")
    expect(desk.thread.get_by_text("and here is the second line")).to_be_visible()
    assert desk.page.evaluate("touched") == []
    expect(desk.thread.locator(".reading table")).to_be_visible()


def test_keys_walk_through_the_queue(desk: Desk, waiting: Callable[..., Customer]) -> None:
    waiting("one to walk to")
    waiting("another to walk to")
    expect(desk.queue.filter(has_text="another to walk to")).to_be_visible()
    current = desk.page.locator("#queue a[aria-current]")
    desk.page.keyboard.press("Alt+j")
    expect(current).to_have_attribute("href", desk.queue.nth(0).get_attribute("href") or "")
    desk.page.keyboard.press("Alt+j")
    expect(current).to_have_attribute("href", desk.queue.nth(1).get_attribute("href") or "")
    desk.page.keyboard.press("Alt+k")
    expect(current).to_have_attribute("href", desk.queue.nth(0).get_attribute("href") or "")


def test_drafts_can_be_asked_for_and_put_into_the_reply(desk: Desk, waiting: Callable[..., Customer]) -> None:
    waiting("the one with drafts")
    desk.open("the one with drafts")
    desk.claim()
    desk.page.get_by_role("button", name="Suggest drafts").click()
    desk.panel.locator(".draft").nth(1).get_by_text("Source: Returns and refunds").click()
    expect(desk.panel.locator(".draft blockquote").nth(1)).to_be_visible()
    desk.page.locator("#reply-text").fill("Hello!")
    desk.panel.get_by_role("button", name="Insert").nth(1).click()
    expect(desk.page.locator("#reply-text")).to_have_value("Hello!\n\nUnopened pots can come back within 30 days.")


def test_markup_is_shown_as_text(desk: Desk, waiting: Callable[..., Customer]) -> None:
    waiting(f"evil {EVIL}", say_first=f"echo {EVIL}")
    desk.open("evil <img")
    expect(desk.thread.locator(".from-customer .words").last).to_have_text(f"evil {EVIL}")
    expect(desk.thread.locator(".from-assistant .words").first).to_contain_text("onerror")
    assert desk.page.locator("#main img, #queue img, #panel img").count() == 0
    assert desk.page.locator("a[href^='javascript']").count() == 0
    assert "Nightdesk" in desk.page.title()


def test_an_answer_that_came_too_late_is_told_to_the_agent_alone(house: House, site: Site, desk: Desk) -> None:
    customer = house.customer(site.url)
    customer.visit()
    customer.open()
    site.assistant.free.clear()
    customer.say("a return under way")
    expect(customer.chat.locator("#typing-words")).to_have_text("Moss is writing…")
    desk.tab("With assistant")
    desk.open("a return under way")
    desk.claim()
    site.assistant.free.set()
    late = desk.thread.locator(".discarded")
    late.get_by_text("came too late").click()
    expect(late).to_contain_text("Unopened pots come back")
    expect(customer.said("assistant")).to_have_count(0)
    expect(customer.chat.locator("#typing-words")).to_have_text("")


def test_given_back_the_assistant_answers_again(desk: Desk, waiting: Callable[..., Customer]) -> None:
    customer = waiting("the one given back")
    desk.open("the one given back")
    desk.claim()
    desk.page.locator("#do-give-back").click()
    expect(desk.page.locator("#head")).to_contain_text("With the assistant")
    expect(customer.chat.get_by_text("Moss is answering again")).to_be_visible()
    customer.say("and how do I return it?")
    expect(customer.said("assistant")).to_have_count(2)


def test_an_offline_desk_says_so_and_catches_up(desk: Desk, waiting: Callable[..., Customer]) -> None:
    customer = waiting("the one during the outage")
    desk.open("the one during the outage")
    desk.claim()
    desk.page.context.set_offline(True)
    expect(desk.page.get_by_text("No connection.")).to_be_visible()
    desk.reply("written in the dark")
    expect(desk.thread.get_by_text("Waiting to be sent")).to_be_visible()
    customer.say("are you there?")
    desk.page.context.set_offline(False)
    expect(desk.thread.get_by_text("are you there?")).to_be_visible()
    customer.hears("written in the dark", role="agent")
    expect(desk.thread.locator(".from-agent")).to_have_count(1)


def test_the_desk_can_be_read_without_its_script(house: House, site: Site, waiting: Callable[..., Customer]) -> None:
    waiting("the one without a script")
    desk = Desk(house.person(java_script_enabled=False).new_page(), site.url)
    desk.enter(site.desk_email, site.desk_password)
    desk.open("the one without a script")
    expect(desk.thread.get_by_text("the one without a script")).to_be_visible()
    expect(desk.panel.get_by_text("Handed over")).to_be_visible()
    expect(desk.page.locator("#do-claim")).to_be_disabled()
