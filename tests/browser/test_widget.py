"""The widget in a browser: what a customer can do, and what survives."""

from __future__ import annotations

import json

import pytest
from browser_people import Customer
from conftest import PHONE, House, Site
from playwright.sync_api import Route, expect

pytestmark = pytest.mark.browser

EVIL = '<img src=x onerror="document.title=1"> <b>bold</b> [press](javascript:document.title=2) **strong**'


def test_an_answer_shows_its_source_when_asked(customer: Customer) -> None:
    customer.say("How do I return a pot?")
    answer = customer.hears("Unopened pots come back within 30 days")
    expect(answer.locator("strong")).to_have_text("within 30 days")
    source = answer.get_by_text("Source: Returns and refunds")
    expect(answer.locator("blockquote")).to_be_hidden()
    source.click()
    expect(answer.locator("blockquote")).to_have_text("Unopened pots can come back within 30 days.")


def test_a_reload_keeps_the_conversation_and_the_open_panel(customer: Customer) -> None:
    customer.say("How do I return a pot?")
    customer.hears("Unopened pots")
    customer.page.reload()
    customer.hears("Unopened pots")
    expect(customer.said("customer")).to_have_count(1)
    expect(customer.box).to_be_visible()


def test_words_not_yet_sent_survive_a_reload(customer: Customer) -> None:
    customer.box.fill("half a thou")
    customer.page.reload()
    expect(customer.box).to_have_value("half a thou")


def test_a_message_written_offline_is_sent_once_when_the_line_is_back(customer: Customer, site: Site) -> None:
    customer.say("How do I return a pot?")
    customer.hears("Unopened pots")
    customer.page.context.set_offline(True)
    customer.say("return from the tunnel")
    expect(customer.chat.get_by_text("You are offline; your message will be sent when you are back.")).to_be_visible()
    expect(customer.chat.get_by_text("Waiting to be sent")).to_be_visible()
    customer.page.context.set_offline(False)
    expect(customer.said("assistant")).to_have_count(2)
    expect(customer.chat.get_by_text("Waiting to be sent")).to_have_count(0)
    expect(customer.said("customer").filter(has_text="tunnel")).to_have_count(1)
    assert site.assistant.heard.count("return from the tunnel") == 1


def test_what_could_not_be_sent_survives_a_reload(customer: Customer) -> None:
    customer.page.context.route("**/api/**", lambda route: route.abort())
    customer.say("return before the reload")
    expect(customer.chat.get_by_text("Waiting to be sent")).to_be_visible()
    customer.page.reload()
    expect(customer.said("customer").filter(has_text="before the reload")).to_have_count(1)
    customer.page.context.unroute("**/api/**")
    customer.hears("Unopened pots")
    expect(customer.said("customer")).to_have_count(1)


def test_a_lost_acknowledgement_doubles_nothing(customer: Customer, site: Site) -> None:
    lost = []

    def lose(route: Route) -> None:
        answer = route.fetch()  # the server has it; the customer never hears so
        if lost:
            route.fulfill(response=answer)
        else:
            lost.append(answer.json())
            route.abort()

    customer.page.context.route("**/messages", lose)
    customer.say("return with a lost receipt")
    customer.hears("Unopened pots")
    customer.page.wait_for_timeout(1500)
    assert len(lost) == 1
    expect(customer.said("customer")).to_have_count(1)
    assert site.assistant.heard.count("return with a lost receipt") == 1
    customer.page.reload()
    customer.hears("Unopened pots")
    expect(customer.said("customer")).to_have_count(1)


def test_a_broken_stream_catches_up_without_doubling(customer: Customer) -> None:
    customer.say("first return")
    customer.hears("Unopened pots")
    for _ in range(2):
        customer.page.context.set_offline(True)
        customer.page.context.set_offline(False)
    customer.say("second return")
    expect(customer.said("assistant")).to_have_count(2)
    customer.page.wait_for_timeout(500)
    expect(customer.said("assistant")).to_have_count(2)
    expect(customer.said("customer")).to_have_count(2)


def test_markup_in_messages_is_shown_as_text(customer: Customer) -> None:
    customer.say(f"echo {EVIL}")
    answer = customer.hears("onerror")
    expect(customer.said("customer")).to_have_text(f"echo {EVIL}")
    expect(answer.locator("strong")).to_have_text("strong")
    assert customer.log.locator("img, b, script").count() == 0
    assert customer.log.locator("a[href^='javascript']").count() == 0
    assert customer.page.title().startswith("Mossgrove")


def test_a_quick_reply_sends_its_payload_verbatim(customer: Customer, site: Site) -> None:
    customer.say("cancel my order")
    customer.chat.get_by_role("button", name="Yes, cancel it").click()
    expect(customer.said("customer").last).to_have_text("Yes, cancel it")
    customer.hears("/affirm")
    assert site.assistant.heard[-1] == "/affirm"
    expect(customer.chat.get_by_role("button", name="No, keep it")).to_have_count(0)


def test_escape_closes_and_gives_the_focus_back(customer: Customer) -> None:
    customer.box.press("Escape")
    expect(customer.launcher).to_be_focused()
    expect(customer.launcher).to_have_attribute("aria-expanded", "false")
    customer.page.keyboard.press("Enter")
    expect(customer.box).to_be_focused()


def test_a_person_is_one_key_away(customer: Customer) -> None:
    customer.box.press("Alt+p")
    expect(customer.chat.locator("#state")).to_have_text("Waiting for a person")
    expect(customer.log.locator(".notice")).to_contain_text("person")


def test_shift_and_enter_make_a_line_instead_of_sending(customer: Customer) -> None:
    customer.box.press_sequentially("one")
    customer.box.press("Shift+Enter")
    customer.box.press_sequentially("two")
    expect(customer.box).to_have_value("one\ntwo")
    expect(customer.said("customer")).to_have_count(0)


def test_the_parts_have_names_that_a_screen_reader_says(customer: Customer) -> None:
    chat = customer.chat
    expect(chat.get_by_role("log", name="Conversation")).to_be_visible()
    expect(chat.get_by_role("button", name="Send", exact=True)).to_be_visible()
    expect(chat.get_by_role("button", name="Close chat")).to_be_visible()
    expect(chat.get_by_role("button", name="Talk to a person")).to_be_visible()
    assert chat.get_by_role("status").count() >= 2
    size = customer.box.evaluate("box => parseFloat(getComputedStyle(box).fontSize)")
    assert size >= 16, "below 16 px a phone zooms the page"


def test_an_answer_that_comes_while_closed_shows_on_the_badge(customer: Customer, site: Site) -> None:
    site.assistant.free.clear()
    customer.say("a slow return")
    customer.box.press("Escape")
    site.assistant.free.set()
    expect(customer.launcher).to_have_accessible_name("Open chat, 1 unread")
    customer.page.reload()
    expect(customer.launcher).to_have_accessible_name("Open chat, 1 unread")
    customer.open()
    customer.box.press("Escape")
    expect(customer.launcher).to_have_accessible_name("Open chat")


def test_shutdown_forgets_the_visitor(customer: Customer) -> None:
    customer.say("a secret return")
    customer.hears("Unopened pots")
    customer.page.evaluate("Nightdesk('shutdown')")
    expect(customer.page.locator("#nightdesk iframe")).to_have_count(0)
    customer.open()
    expect(customer.chat.get_by_text("Hello, I'm Moss")).to_be_visible()
    expect(customer.said("customer")).to_have_count(0)


def test_signing_out_in_the_shop_leaves_nothing_for_the_next_person(customer: Customer) -> None:
    customer.sign_in("Ada")
    customer.say("a return of Ada's")
    customer.hears("Unopened pots")
    with customer.page.expect_navigation():
        customer.page.get_by_role("button", name="Sign out").click()
    customer.open()
    expect(customer.chat.get_by_text("Hello, I'm Moss")).to_be_visible()
    expect(customer.said("customer")).to_have_count(0)


def test_commands_called_before_the_loader_arrives_are_kept(house: House, site: Site) -> None:
    page = house.person().new_page()
    page.route(
        f"{site.url}/elsewhere",
        lambda route: route.fulfill(content_type="text/html", body="<!doctype html><title>Elsewhere</title>"),
    )
    page.goto(f"{site.url}/elsewhere")
    page.evaluate(
        """() => {
            window.Nightdesk = (...call) => (window.Nightdesk.q = window.Nightdesk.q ?? []).push(call);
            window.news = [];
            Nightdesk('on', 'ready', () => news.push('ready'));
            Nightdesk('show');
            const script = document.createElement('script');
            script.src = '/widget.js';
            document.head.append(script);
        }"""
    )
    page.wait_for_function("news.includes('ready')")
    expect(page.frame_locator("#nightdesk iframe").get_by_label("Your message")).to_be_visible()


def test_nobody_but_the_frame_may_close_the_panel(customer: Customer) -> None:
    customer.page.evaluate("postMessage({nightdesk: 'close'}, location.origin)")
    customer.page.wait_for_timeout(200)
    expect(customer.launcher).to_have_attribute("aria-expanded", "true")


def test_a_frame_does_not_listen_to_a_page_of_another_origin(house: House, site: Site) -> None:
    page = house.person().new_page()
    calls: list[str] = []
    page.on("request", lambda request: calls.append(request.url) if "/api/" in request.url else None)
    page.goto(site.url)
    page.evaluate(
        """() => new Promise((resolve) => {
            const frame = document.createElement('iframe');
            frame.src = '/widget/frame?origin=' + encodeURIComponent('https://shop.example');
            frame.onload = () => {
                frame.contentWindow.postMessage({nightdesk: 'boot', options: {}, open: true}, location.origin);
                setTimeout(resolve, 300);
            };
            document.body.append(frame);
        })"""
    )
    assert calls == []


def test_on_a_phone_the_panel_fills_the_screen(house: House, site: Site) -> None:
    customer = house.customer(site.url, viewport=PHONE, has_touch=True, is_mobile=True)
    customer.visit()
    customer.open()
    expect(customer.launcher).to_be_hidden()
    assert customer.page.locator("#nightdesk .panel").bounding_box() == {"x": 0, "y": 0, **PHONE}
    customer.chat.get_by_role("button", name="Close chat").click()
    expect(customer.launcher).to_be_visible()


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_text_has_the_contrast_that_wcag_asks_for(house: House, site: Site, theme: str) -> None:
    customer = house.customer(site.url, color_scheme=theme)
    customer.visit()
    customer.open()
    customer.say("How do I return a pot?")
    customer.hears("Unopened pots")
    frame = next(frame for frame in customer.page.frames if "/widget/frame" in frame.url)
    ratios = json.loads(frame.evaluate(CONTRASTS))
    assert ratios, "nothing was measured"
    assert {what: ratio for what, ratio in ratios.items() if ratio < 4.5} == {}


# Each visible text's colour against the nearest opaque background, both painted on a canvas to get plain RGB.
CONTRASTS = """() => {
    const canvas = document.createElement('canvas').getContext('2d', {willReadFrequently: true});
    const rgba = (colour) => {
        canvas.clearRect(0, 0, 1, 1);
        canvas.fillStyle = colour;
        canvas.fillRect(0, 0, 1, 1);
        return [...canvas.getImageData(0, 0, 1, 1).data];
    };
    const channel = (v) => (v /= 255) <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4;
    const light = ([r, g, b]) => 0.2126 * channel(r) + 0.7152 * channel(g) + 0.0722 * channel(b);
    const ground = (node) => {
        for (; node; node = node.parentElement) {
            const colour = rgba(getComputedStyle(node).backgroundColor);
            if (colour[3] === 255) return colour;
        }
        return [255, 255, 255, 255];
    };
    const found = {};
    for (const node of document.querySelectorAll('body *')) {
        const own = [...node.childNodes].some((child) => child.nodeType === 3 && child.data.trim());
        if (!own || !node.checkVisibility({visibilityProperty: true}) || node.closest('.unseen')) continue;
        const [a, b] = [light(rgba(getComputedStyle(node).color)), light(ground(node))].sort((x, y) => y - x);
        found[`${node.localName}: ${node.textContent.trim().slice(0, 30)}`] = (a + 0.05) / (b + 0.05);
    }
    return JSON.stringify(found);
}"""
