"""What agents say again and again is found inside whatever they wrap it in, and nothing else is."""

from __future__ import annotations

import pytest

from retrieval.candidates import questions, sort_exchanges
from retrieval.exchanges import Exchange
from retrieval.marks import Answer
from retrieval.repeats import as_said, find_repeats

FERRY = "Delivery is free from €75 of goods. Below that it costs €5.90 to the mainland and €9.90 to the islands."
WRAPPED = [
    f"Hello! {FERRY}",
    f"It's the real thing, I'm afraid. {FERRY} The blog is old.",
    f"Dear [NAME], first the money: {FERRY[:1].lower()}{FERRY[1:]}\n[NAME]",
    f"{FERRY} Anything else?",
    f"I've cancelled the other one. {FERRY.replace('that it', 'this it')}",
]


def given(*texts: str) -> list[Answer]:
    return [Answer(customer, text) for customer, text in enumerate(texts)]


def found(*texts: str, customers: int = 5, least: int | None = None) -> list[str]:
    return [repeat.text for repeat in find_repeats(given(*texts), customers, least)]


def test_a_saved_reply_is_found_in_five_different_wrappings() -> None:
    [repeat] = find_repeats(given(*WRAPPED), 5)
    assert repeat.text == FERRY
    assert sorted(use.answer for use in repeat.uses) == [0, 1, 2, 3, 4]


def test_four_customers_are_not_five_and_one_customer_five_times_is_one() -> None:
    assert found(*WRAPPED[:4]) == []
    assert find_repeats([Answer(7, text) for text in WRAPPED], 5) == []


def test_with_a_lower_second_threshold_agents_get_what_three_customers_were_told() -> None:
    assert found(*WRAPPED[:4], customers=5, least=3) == [FERRY]


def test_another_figure_or_a_denial_is_another_answer() -> None:
    say = "Pots may be sent back within 30 days of their delivery."
    denied = "Pots may not be sent back within 30 days of their delivery."
    assert found(say, say, say.replace("30", "14"), denied, say, say) == []


def test_an_act_a_promise_a_fact_or_a_name_is_in_no_card() -> None:
    for said in (
        "We have sent a new label to your address.",
        "We'll send the new label by the end of this week.",
        "Your parcel is at the depot in Utrecht already.",
        "Ask for [NAME] at the green gate of the nursery.",
    ):
        assert found(*[f"{said} {FERRY}"] * 6) == [FERRY]


def test_pleasantries_and_what_points_back_do_not_begin_a_card() -> None:
    say = "Thanks for waiting. It isn't a reservation, though. Press the button on the page of the product."
    assert found(*[say] * 5) == ["Press the button on the page of the product."]


def test_a_tail_whose_head_differs_a_little_each_time_is_no_card() -> None:
    heads = [
        "Terracotta is not frost-proof in a hard winter",
        "Terracotta isn't frost-proof, dear",
        "No, terracotta is not frost-proof",
    ]
    said = [f"{heads[n % 3]} number {n + 2}: bring pots in or keep them dry before the frost." for n in range(6)]
    assert found(*said) == []


def test_a_word_said_to_one_customer_alone_is_in_no_card() -> None:
    names = ["Freddy", "Marlies", "Quentin", "Ottilie", "Wolfram"]
    said = [f"{name}, please look at the packing slip in the box first." for name in names]
    assert found(*said) == []


def test_a_sentence_between_two_of_a_reply_does_not_hide_it() -> None:
    first, second = "Gift cards come by e-mail on a date of your choice.", "They are valid for five years in all."
    said = [f"{first} {second}"] * 4 + [f"{first} Last tile in the shop. {second}"]
    assert found(*said) == [f"{first} {second}"]


def test_a_reply_inside_a_longer_sentence_counts_unless_that_denies_it() -> None:
    say = "The delivery day can be moved until the order is packed."
    inside = "I think the delivery day can be moved until the order is packed, as a rule."
    denied = "It is not true that the delivery day can be moved until the order is packed."
    assert found(say, say, say, say, inside) == [say]
    assert found(say, say, say, say, denied) == []


def test_the_most_given_wording_speaks_and_all_are_kept() -> None:
    one = "Leave the plant in its nursery pot for at least two weeks."
    other = "Leave a plant in its nursery pot for at least two weeks."
    [repeat] = find_repeats(given(other, one, one, one, other), 5)
    assert (repeat.text, set(repeat.wordings)) == (one, {one, other})


@pytest.mark.parametrize(
    ("part", "text"),
    [
        ("pots can go back;", "Pots can go back."),
        ("we do (within 30 days", "We do (within 30 days."),
        ("盆底要有孔", "盆底要有孔。"),
        ("Done! 🌿", "Done! 🌿"),
    ],
)
def test_a_stretch_is_said_as_a_sentence_of_its_own(part: str, text: str) -> None:
    assert as_said(part) == text


def exchange(number: int, question: str, answer: str, context: str = "") -> Exchange:
    return Exchange(number, number, f"t#{number}", False, context, question, answer, "en", True)


def test_an_answer_that_is_mostly_a_repeat_is_no_card_of_its_own_but_still_agents_may_read_the_act() -> None:
    sorted_ = sort_exchanges([exchange(n, "What does delivery cost me?", text) for n, text in enumerate(WRAPPED)], 5)
    assert [candidate.text for candidate in sorted_.candidates] == [FERRY]
    assert [each.id for each in sorted_.candidates[0].exchanges] == [0, 1, 2, 3, 4]
    assert [each.answer for each in sorted_.internal] == [WRAPPED[4]]


def test_of_a_message_each_sentence_may_be_the_question_a_short_one_with_what_precedes_it() -> None:
    asked = "Hello. My fern has brown tips since Monday evening. Is that bad? And what would a second one cost me?"
    assert questions(exchange(1, asked, FERRY)) == (
        "My fern has brown tips since Monday evening.",
        "My fern has brown tips since Monday evening. Is that bad?",
        "And what would a second one cost me?",
    )
    assert questions(exchange(1, "and to Austria?", FERRY, "customer: What is delivery?\nagent: €5.90")) == (
        "What is delivery? and to Austria?",
    )


def test_half_a_sentence_after_a_name_is_no_card() -> None:
    said = [f"Send a photo number {n + 2} and [NAME], our grower, answers within one working day." for n in range(6)]
    assert found(*said) == []
