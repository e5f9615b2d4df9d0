"""What a customer does in the widget and an agent at the desk, in their words."""

from __future__ import annotations

from playwright.sync_api import FrameLocator, Locator, Page, expect


class Customer:
    """Somebody in the shop."""

    def __init__(self, page: Page, url: str) -> None:
        self.page = page
        self.url = url

    @property
    def chat(self) -> FrameLocator:
        return self.page.frame_locator("#nightdesk iframe")

    @property
    def box(self) -> Locator:
        return self.chat.get_by_label("Your message")

    @property
    def log(self) -> Locator:
        return self.chat.get_by_role("log")

    @property
    def launcher(self) -> Locator:
        return self.page.locator("#nightdesk button")

    def visit(self) -> None:
        self.page.goto(self.url)
        self.page.locator("#nightdesk").wait_for(state="attached")

    def open(self) -> None:
        self.launcher.click()
        expect(self.box).to_be_focused()

    def sign_in(self, name: str) -> None:
        with self.page.expect_navigation():
            self.page.get_by_role("button", name=name, exact=True).click()

    def say(self, text: str) -> None:
        self.box.fill(text)
        self.box.press("Enter")

    def said(self, role: str) -> Locator:
        """Messages of one role: customer, assistant, agent."""
        return self.log.locator(f".from-{role} .words")

    def hears(self, text: str, role: str = "assistant") -> Locator:
        message = self.log.locator(f".from-{role}", has_text=text).last
        expect(message).to_be_visible()
        return message

    def ask_for_person(self) -> None:
        self.chat.locator("#person").click()


class Desk:
    """An agent."""

    def __init__(self, page: Page, url: str) -> None:
        self.page = page
        self.url = url

    def enter(self, email: str, password: str) -> None:
        self.page.goto(f"{self.url}/desk/login")
        self.page.get_by_label("E-mail").fill(email)
        self.page.get_by_label("Password").fill(password)
        self.page.get_by_role("button", name="Sign in").click()
        expect(self.page.locator("#queue")).to_be_visible()

    @property
    def queue(self) -> Locator:
        return self.page.locator("#queue a")

    @property
    def thread(self) -> Locator:
        return self.page.get_by_role("log")

    @property
    def panel(self) -> Locator:
        return self.page.get_by_label("What is known")

    def open(self, preview: str) -> None:
        """Open the conversation whose line in the queue has these words."""
        self.queue.filter(has_text=preview).first.click()
        expect(self.page.locator("#head")).to_be_visible()

    def tab(self, name: str) -> None:
        self.page.locator("#tabs a", has_text=name).click()
        expect(self.page.locator("#tabs a", has_text=name)).to_have_attribute("aria-current", "page")

    def claim(self) -> None:
        self.page.locator("#do-claim").click()
        expect(self.page.locator("#reply-text")).to_be_enabled()

    def reply(self, text: str) -> None:
        self.page.get_by_role("button", name="Reply", exact=True).click()
        self.page.locator("#reply-text").fill(text)
        self.page.locator("#reply-text").press("Control+Enter")

    def note(self, text: str) -> None:
        self.page.get_by_role("button", name="Private note", exact=True).click()
        self.page.locator("#note-text").fill(text)
        self.page.locator("#note-text").press("Control+Enter")
