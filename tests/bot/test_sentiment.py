"""The sentiment head at serving: what it reads of a text, what it says, what it refuses."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from bot_fakes import make_services

from bot.errors import HeadError
from bot.head import Array
from bot.sentiment import MiddleLayers, SentimentHead
from bot.surface import Vocabulary, read_surface
from bot.types import Conversation, Message, Role

LABELS = ("angry", "calm")


def head(**changes: Any) -> SentimentHead:
    """Angry where "dreadful" is said, or where the first state is large."""
    read = [read_surface("dreadful dreadful"), read_surface("what a dreadful shop"), read_surface("what a shop")]
    words = Vocabulary.learn([one.words for one in read])
    characters = Vocabulary.learn([one.characters for one in read])
    weight = np.zeros((len(words.keys) + len(characters.keys), 2), np.float32)
    dreadful, _ = words.weigh(read_surface("dreadful").words)
    weight[dreadful, 0] = 8.0
    made: dict[str, Any] = {
        "labels": LABELS, "words": words, "characters": characters, "surface_weight": weight,
        "surface_bias": np.zeros(2, np.float32), "states_weight": np.asarray([[1, 0, 0], [0, 0, 0]], np.float32),
        "states_bias": np.zeros(2, np.float32), "mix": (1.0, 2.0), "bias": np.asarray([-2, 0], np.float32),
        "prefer": np.zeros(2, np.float32), "upset_labels": ("angry",), "upset_threshold": 0.8,
    }  # fmt: skip
    return SentimentHead(**(made | changes))


def states(*first: float) -> Array:
    return np.asarray([[value, 0, 0] for value in first], np.float32)


def test_both_the_words_and_the_states_are_heard() -> None:
    said = head().read(["dreadful", "a shop", "a shop"], states(0, 5, 0))
    assert [mood.label for mood in said] == ["angry", "angry", "calm"]
    assert [mood.upset for mood in said] == [True, True, False]
    assert all(mood.probability > 0.8 for mood in said)


def test_below_its_threshold_the_head_is_not_sure() -> None:
    [mood] = head(upset_threshold=0.9999).read(["dreadful"], states(0))
    assert (mood.label, mood.upset) == ("angry", False)


def test_a_preferred_label_is_named_sooner_at_the_same_probability() -> None:
    plain, preferring = head(), head(prefer=np.asarray([5, 0], np.float32))
    [calm], [angry] = plain.read(["a shop"], states(0)), preferring.read(["a shop"], states(0))
    assert (calm.label, angry.label) == ("calm", "angry")
    assert angry.probability == pytest.approx(1 - calm.probability, abs=1e-6)


def test_a_batch_is_its_texts_one_by_one_and_each_row_sums_to_one() -> None:
    texts = ["dreadful shop!!", "", "what a shop", "太差了", "A" * 5000]
    rows = np.random.default_rng(3).normal(size=(5, 3)).astype(np.float32)
    together = head().probabilities(texts, rows)
    alone = np.vstack([head().probabilities([text], row[None]) for text, row in zip(texts, rows, strict=True)])
    np.testing.assert_allclose(together, alone, atol=1e-6)
    np.testing.assert_allclose(together.sum(axis=1), 1, atol=1e-5)


def test_what_is_written_reads_back_the_same() -> None:
    made = head()
    again = SentimentHead.from_bytes(*made.to_bytes())
    texts, rows = ["dreadful", "shop"], states(1, 2)
    np.testing.assert_array_equal(made.probabilities(texts, rows), again.probabilities(texts, rows))
    assert (again.labels, again.upset_labels, again.upset_threshold) == (LABELS, ("angry",), 0.8)


def test_a_damaged_head_is_refused_with_a_sentence() -> None:
    tensors, description = head().to_bytes()
    for broken in ((tensors[:40], description), (tensors, b"{"), (tensors, b"[]"), (tensors, b'{"format": 9}')):
        with pytest.raises(HeadError, match="nightdesk train"):
            SentimentHead.from_bytes(*broken)
    told = json.loads(description)
    told["labels"].append("odd")
    with pytest.raises(HeadError, match="should be"):
        SentimentHead.from_bytes(tensors, json.dumps(told).encode())


def test_parts_that_do_not_fit_are_refused() -> None:
    with pytest.raises(HeadError, match="states are"):
        head().probabilities(["a"], np.zeros((1, 4), np.float32))
    with pytest.raises(HeadError, match="finite"):
        head(bias=np.asarray([np.nan, 0], np.float32))
    with pytest.raises(HeadError, match="cannot tell"):
        head(upset_labels=("furious",))


def differ(a: str, b: str) -> bool:
    return set(read_surface(a).words) != set(read_surface(b).words)


def test_negation_capitals_drawn_out_words_and_marks_are_seen() -> None:
    assert differ("not a good shop", "a good shop not")
    assert differ("NEVER late", "never late")
    assert differ("sooooo late", "so late")
    assert differ("late!!!", "late!")
    assert differ("late :)", "late :(")
    assert not differ("sooooo late", "soooooooo late")
    assert not differ("see https://a.example/1", "see https://b.example/2")


def test_a_vocabulary_weighs_rare_things_more_and_gives_unit_length() -> None:
    read = [read_surface(text).words for text in ("red shop", "red shop", "blue shop", "blue shop", "shop")]
    vocabulary = Vocabulary.learn(read)
    _, values = vocabulary.weigh(read[0])
    assert np.linalg.norm(values) == pytest.approx(1)
    assert values.max() > values.min()
    columns, values = vocabulary.weigh(read_surface("wholly else").words)
    assert (len(columns), len(values)) == (0, 0)


def test_middle_layers_come_from_the_pass_that_encoded_the_text() -> None:
    passes: list[list[str]] = []

    def encode(texts: Sequence[str]) -> tuple[Array, list[Array], Array]:
        passes.append(list(texts))
        lengths = states(*map(len, texts))
        return lengths, [lengths[:1] for _ in texts], lengths

    middle = MiddleLayers(encode)
    middle.encode_tokens(["one", "three"])
    np.testing.assert_array_equal(middle.of(["three", "one", "three"]), states(5, 3, 5))
    assert passes == [["one", "three"]]
    np.testing.assert_array_equal(middle.of(["eleven", "one"]), states(6, 3))
    assert passes[1:] == [["eleven"]]


def test_a_head_that_is_sure_makes_a_reading_upset_where_the_rules_hear_nothing() -> None:
    services = make_services()
    try:
        said = Conversation(id="c", text="as a customer of seven years I feel treated like dirt", message_id="m")
        reading, _ = asyncio.run(services.read(said))
        assert reading.upset
        assert reading.sentiment is not None
        assert reading.sentiment.label == "angry"
        calm, _ = asyncio.run(services.read(replace(said, text="where is my order")))
        assert (calm.upset, calm.sentiment) == (False, None)
    finally:
        services.reader.stop()


def test_anger_that_only_the_head_heard_hands_off_and_goes_over_the_wire(
    talk: Callable[..., tuple[Any, list[list[dict[str, Any]]]]],
) -> None:
    _, turns = talk("I feel treated like dirt", "what would you recommend")
    told = next(row["custom"]["nightdesk"] for row in turns[0] if row.get("custom"))
    assert told["decision"]["reason"] == "negative_sentiment"
    assert told["reading"]["sentiment"] == {"label": "angry", "probability": 0.97, "upset": True}


def test_anger_heard_before_is_remembered_for_the_offers() -> None:
    from bot.actions.recommend import was_upset

    def after(text: str) -> Conversation:
        history = (Message(Role.CUSTOMER, text), Message(Role.CUSTOMER, "anything nice for the windowsill?"))
        return Conversation(id="c", text=history[-1].text, message_id="m", history=history)

    async def look() -> list[bool]:
        said = ("I feel treated like dirt", "this is ridiculous", "where is my order", "/greet")
        return [await was_upset(services, after(text)) for text in said]

    services = make_services()
    try:
        assert asyncio.run(look()) == [True, True, False, False]
    finally:
        services.reader.stop()
