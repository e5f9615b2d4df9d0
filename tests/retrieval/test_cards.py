"""Which answers become cards, which are one card, and who may see them."""

from __future__ import annotations

import numpy as np
import pytest
from retrieval_fakes import HashingEncoder

from retrieval.candidates import sort_exchanges, texts_to_embed
from retrieval.cards import card_drafts
from retrieval.clusters import paraphrases
from retrieval.encoder import Embeddings
from retrieval.exchanges import Exchange
from retrieval.passages import Draft
from retrieval.rules import Excluded, card_text, why_no_card
from retrieval.settings import Settings
from retrieval.verdicts import Verdict

GENERAL = "You can collect your order at the nursery gate on Fridays."


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        ("I've refunded you the four euro.", Excluded.ACT_DONE),
        ("We have just cancelled the whole order for you.", Excluded.ACT_DONE),
        ("Changed, it's not packed yet so that works.", Excluded.ACT_DONE),
        ("Your money has been refunded to the card.", Excluded.ACT_DONE),
        ("已为您取消订单，款项原路退回。", Excluded.ACT_DONE),
        ("We'll send you a new one at no cost.", Excluded.PROMISE),
        ("You will receive a mail with the label.", Excluded.PROMISE),
        ("Let me check that with the packing room.", Excluded.PROMISE),
        ("我们会尽快给您补发一个新的花盆。", Excluded.PROMISE),
        ("Your parcel is at the depot in Utrecht and goes out soon.", Excluded.CUSTOMER_FACTS),
        ("It went to [ADDRESS] as the label says, by the way.", Excluded.CUSTOMER_FACTS),
        ("I can see two pots and a fork in there.", Excluded.CUSTOMER_FACTS),
        ("The carrier comes tomorrow between nine and noon.", Excluded.CUSTOMER_FACTS),
        ("Sorry to hear that. Could you tell me the order number?", Excluded.ASKS_BACK),
        ("Please send us a photo of the damage.", Excluded.ASKS_BACK),
        ("You're welcome, have a lovely day!", Excluded.TOO_SHORT),
        ("Yes, sure.", Excluded.TOO_SHORT),
    ],
)
def test_what_is_true_only_once_never_becomes_a_card(answer: str, why: Excluded) -> None:
    assert why_no_card(answer) is why


@pytest.mark.parametrize(
    "answer",
    [
        GENERAL,
        "Pots can be returned within 30 days of delivery, plants cannot.",
        "The label costs 4 EUR and comes off the refund.",
        "We never ask for a password. You need only the order number.",
        "花盆可以在收货后三十天内退货，植物不可以退货。",
    ],
)
def test_what_is_true_for_everybody_may_be_a_card(answer: str) -> None:
    assert why_no_card(answer) is None


def test_half_an_answer_is_no_card() -> None:
    assert why_no_card(GENERAL, whole=False) is Excluded.INCOMPLETE
    assert why_no_card("All our delivery prices are listed at [URL] by country.") is Excluded.INCOMPLETE


@pytest.mark.parametrize(
    ("answer", "text"),
    [
        ("Hi [NAME], pots can go back. Best regards, [NAME]", "Pots can go back."),
        ("Pots can go back. [NAME]", "Pots can go back."),
        ("Hello there! That works, [NAME].", "That works."),
        ("Dear [NAME],\npots can go back.", "Pots can go back."),
        ("Higher pots need more water.", "Higher pots need more water."),
    ],
)
def test_a_card_leaves_out_greeting_and_names(answer: str, text: str) -> None:
    assert card_text(answer) == text


def exchange(number: int, answer: str, customer: int = 1, *, trusted: bool = False, question: str = "") -> Exchange:
    asked = question or f"A question that somebody asked number {number}?"
    return Exchange(number, customer, f"t.jsonl#{number}", trusted, "", asked, answer, "en", True)


def cards(encoder: HashingEncoder, *exchanges: Exchange, verdicts: dict[bytes, Verdict] | None = None) -> list[Draft]:
    settings = Settings(paraphrase_cosine=0.85)
    found = sort_exchanges(exchanges, settings.min_customers)
    texts = texts_to_embed(found, [], settings)
    vectors = dict(zip(texts, encoder.encode(list(texts.values())), strict=True))
    return card_drafts(
        found.candidates, lambda hashes: np.array([vectors[h] for h in hashes]), verdicts or {}, settings
    )


def test_an_answer_to_five_customers_is_public_and_to_four_is_not(encoder: HashingEncoder) -> None:
    five = cards(encoder, *(exchange(n, GENERAL, customer=n) for n in range(5)))
    four = cards(encoder, *(exchange(n, GENERAL, customer=n % 4) for n in range(9)))
    assert [(c.customers, c.public) for c in five + four] == [(5, True), (4, False)]


def test_a_trusted_source_needs_no_five_customers(encoder: HashingEncoder) -> None:
    [card] = cards(encoder, exchange(1, GENERAL, trusted=True))
    assert (card.customers, card.trusted, card.public) == (1, True, True)


def test_paraphrases_are_one_card_with_all_their_questions(encoder: HashingEncoder) -> None:
    [card] = cards(
        encoder,
        exchange(1, GENERAL, 1, question="May I come and collect my order myself?"),
        exchange(
            2,
            "Hi [NAME], you can collect your order at the nursery gate on Fridays",
            2,
            question="Can I collect it myself?",
        ),
        exchange(
            3,
            "You can collect your order at the nursery gate Fridays.",
            3,
            question="Do you allow collection of orders?",
        ),
    )
    assert card.customers == 3
    assert len(card.routes) == 3
    assert set(card.exchanges) == {1, 2, 3}


def test_answers_that_differ_in_a_figure_or_a_no_never_join(encoder: HashingEncoder) -> None:
    said = [
        "Pots can be returned to us within 30 days of the delivery.",
        "Pots can be returned to us within 14 days of the delivery.",
        "Pots can not be returned to us within 14 days of the delivery.",
    ]
    assert len(cards(encoder, *(exchange(n, text) for n, text in enumerate(said)))) == 3


def test_an_approved_answer_is_public_in_the_approved_words(encoder: HashingEncoder) -> None:
    [plain] = cards(encoder, exchange(1, GENERAL))
    found = sort_exchanges([exchange(1, GENERAL)], 5)
    [approved] = cards(
        encoder, exchange(1, GENERAL), verdicts={found.candidates[0].keys[0]: Verdict("Come on Fridays.")}
    )
    assert (plain.public, plain.approved) == (False, False)
    assert (approved.public, approved.approved, approved.text) == (True, True, "Come on Fridays.")


def test_the_most_central_question_speaks_for_the_card(encoder: HashingEncoder) -> None:
    asked = [
        "Can I collect the order at your gate",
        "Can I collect the order at your place",
        "Weather talk and something else again",
    ]
    [card] = cards(encoder, *(exchange(n, GENERAL, n, question=q) for n, q in enumerate(reversed(asked))))
    assert card.question.startswith("Can I collect")


def unit(rows: Embeddings) -> Embeddings:
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def leaders_by_hand(rows: Embeddings, cosine: float) -> list[int]:
    near = rows @ rows.T >= cosine
    leader = [-1] * len(rows)
    for node in sorted(range(len(rows)), key=lambda n: (-int(near[n].sum()), n)):
        if leader[node] < 0:
            for other in np.flatnonzero(near[node]):
                if leader[other] < 0:
                    leader[other] = node
    return leader


def test_clusters_are_those_a_plain_matrix_gives() -> None:
    generator = np.random.default_rng(3)
    centres = generator.normal(size=(40, 16))
    rows = unit((centres[generator.integers(0, 40, 600)] + 0.15 * generator.normal(size=(600, 16))).astype(np.float32))
    labels = paraphrases(rows, np.ones(600, dtype=np.int64), [0] * 600, 0.95)
    assert labels.tolist() == leaders_by_hand(rows, 0.95)


def test_large_blocks_find_nearly_every_pair_and_no_false_one() -> None:
    generator = np.random.default_rng(4)
    centres = generator.normal(size=(1500, 32))
    rows = unit((np.repeat(centres, 4, axis=0) + 0.1 * generator.normal(size=(6000, 32))).astype(np.float32))
    labels = paraphrases(rows, np.ones(6000, dtype=np.int64), [0] * 6000, 0.9)
    assert (np.einsum("nd,nd->n", rows, rows[labels]) >= 0.9 - 1e-6).all()
    assert len(set(labels.tolist())) < 1600  # 1500 in truth
