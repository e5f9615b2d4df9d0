"""What of a passage is shown, and what never is."""

from __future__ import annotations

import pytest

from bot.compose import answer_text, cite, excerpt, extractive_drafts
from bot.presentable import may_see, sentences, shown_text, strip_trimmings
from retrieval.types import Hit, Passage, PassageKind


def passage(text: str, kind: PassageKind = PassageKind.CARD, **more: object) -> Passage:
    return Passage(1, kind, "question", text, "title", "a.jsonl", "en", **more)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Hi [NAME], the code works once. ^Helen", "The code works once."),
        ("@115858 We're sorry to hear that. *TMT", "We're sorry to hear that."),
        ("Hello there! Please send a photo. Kind regards, [NAME]", "Please send a photo."),
        ("Dear [NAME],\nYour refund takes five days.\nBest wishes,\nHelen", "Your refund takes five days."),
        ("Thanks, [NAME]! We ship on Monday. - Sam", "Thanks! We ship on Monday."),
        ("Sure, [NAME], that works.", "Sure, that works."),
        ("Please check your settings. 1/2", "Please check your settings."),
        ("Hi! It opens at nine.", "It opens at nine."),
        ("Please reply Yes/No", "Please reply Yes/No"),
        ("We have sent you a message. /HL", "We have sent you a message."),
        ("Delivery takes 1/2 day more.", "Delivery takes 1/2 day more."),
        ("High pots need more water.", "High pots need more water."),
        ("Highland ferns: keep them cool.", "Highland ferns: keep them cool."),
        ("It costs 5 euro. Ask at the desk.", "It costs 5 euro. Ask at the desk."),
    ],
)
def test_greetings_and_signatures_are_stripped_and_the_rest_is_not(text: str, shown: str) -> None:
    assert strip_trimmings(text) == shown


@pytest.mark.parametrize(
    "text",
    ["Your order [ORDER] is ready.", "Write to [EMAIL].", "[NAME] will call you back.", "Call [PHONE_1] now.",
     "Hi [NAME],", "^Helen", "Sent to <ADDRESS>."],
)  # fmt: skip
def test_a_passage_with_a_placeholder_left_is_not_shown(text: str) -> None:
    assert shown_text(passage(text)) is None


def test_an_articles_square_brackets_in_small_letters_are_no_placeholder() -> None:
    assert shown_text(passage("Choose [extra care] at the checkout.", PassageKind.ARTICLE)) is not None


@pytest.mark.parametrize(
    ("kind", "more", "seen"),
    [
        (PassageKind.ARTICLE, {}, True),
        (PassageKind.CARD, {"customers": 4}, False),
        (PassageKind.CARD, {"customers": 5}, True),
        (PassageKind.CARD, {"customers": 9, "superseded": True}, False),
        (PassageKind.CARD, {"approved": True}, True),
        (PassageKind.CARD, {"trusted": True}, True),
        (PassageKind.EXCHANGE, {"customers": 99, "approved": True, "trusted": True}, False),
    ],
)
def test_customers_see_articles_and_cards_that_qualify(kind: PassageKind, more: dict[str, object], seen: bool) -> None:
    assert may_see(passage("x", kind, **more), 5) is seen


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("One. Two! Three?", ["One.", "Two!", "Three?"]),
        ("It costs e.g. 5.90 euro. Done.", ["It costs e.g. 5.90 euro.", "Done."]),
        ("- first\n- second", ["- first", "- second"]),
        ("一般一周浇一次水。冬天少浇。", ["一般一周浇一次水。", "冬天少浇。"]),
        ("", []),
    ],
)
def test_text_is_cut_into_sentences(text: str, parts: list[str]) -> None:
    assert sentences(text) == parts


LONG = " ".join(f"Sentence number {n} speaks about topic{n} at some length, so that it takes room." for n in range(20))


def test_a_long_passage_gives_the_sentences_that_share_words_with_the_question() -> None:
    found = excerpt("tell me about topic13 please", LONG)
    assert "topic13" in found
    assert len(found) <= 600
    assert found.endswith(".")


def test_a_short_passage_is_said_whole() -> None:
    assert excerpt("anything", "One. Two. Three.") == "One. Two. Three."


def test_one_endless_sentence_is_cut_between_words() -> None:
    found = excerpt("x", "word " * 400)
    assert len(found) <= 600
    assert found.endswith("word…")


def test_pieces_of_one_page_do_not_repeat_each_other() -> None:
    hits = [Hit(passage("It opens at nine.", PassageKind.ARTICLE), 0.9, None, 0.1, 1)] * 2
    assert answer_text("when", hits) == "It opens at nine."


def test_a_reply_has_no_blank_lines() -> None:
    hits = [Hit(passage("One.\n\nTwo.\n \n\nThree.", PassageKind.ARTICLE), 0.9, None, 0.1, 1)]
    assert answer_text("when", hits) == "One.\nTwo.\nThree."


def test_a_citations_snippet_ends_with_a_whole_word() -> None:
    snippet = cite(passage(LONG)).snippet
    assert len(snippet) <= 161
    assert snippet.removesuffix("…") + " " in LONG


def test_drafts_are_different_and_free_of_placeholders() -> None:
    texts = ["Hi [NAME], same words.", "Same words.", "For [NAME] only.", "Other words."]
    hits = [Hit(passage(text), 0.9, None, 0.1, rank) for rank, text in enumerate(texts, 1)]
    assert [draft.text for draft in extractive_drafts("q", hits, 3)] == ["Same words.", "Other words."]
