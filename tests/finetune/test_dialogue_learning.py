from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
from dialogue_desk import write_dialogues

from finetune.dialogue.baselines import by_previous, by_words, contexts, majority
from finetune.dialogue.features import Lexicon, words_in
from finetune.dialogue.learn import Policy, best_threshold, learn_dialogue, logits_of, softmax, targets_of
from finetune.dialogue.model import NextAction
from finetune.dialogue.reader import Dialogue, Event, Kind, read_dialogues
from finetune.dialogue.recipe import Recipe
from finetune.errors import BadLabels
from retrieval.encoder import BatchDone, Embeddings

RECIPE = Recipe(epochs=15, batch=8, learning_rate=1e-2, part=16, state=32, patience=15, held_out=0.2)


class WordHashes:
    """An honest encoder without weights: texts that share words point the same way."""

    width = 24
    fingerprint = "words"
    folder = Path(os.devnull)

    def encode(self, texts: Sequence[str], *, on_batch: BatchDone | None = None) -> Embeddings:
        rows = np.full((len(texts), self.width), 1e-3, np.float32)
        for row, text in zip(rows, texts, strict=True):
            for word in text.lower().split():
                row[sum(word.encode()) % self.width] += 1
        return rows / np.linalg.norm(rows, axis=1, keepdims=True)


ENCODER = WordHashes()


@pytest.fixture(scope="module")
def dialogues(tmp_path_factory: pytest.TempPathFactory) -> list[Dialogue]:
    return read_dialogues(write_dialogues(tmp_path_factory.mktemp("desk") / "d.jsonl", range(80)))


@pytest.fixture(scope="module")
def policy(dialogues: list[Dialogue]) -> Policy:
    return learn_dialogue(dialogues[:60], ENCODER, RECIPE)


def accuracy(named: Sequence[str], dialogues: Sequence[Dialogue]) -> float:
    return float(np.mean([name == action for name, action in zip(named, _actions(dialogues), strict=True)]))


def _actions(dialogues: Sequence[Dialogue]) -> list[str]:
    return [action for dialogue in dialogues for action in dialogue.actions]


def test_the_next_action_is_learnt_from_what_was_said_done_and_found(policy: Policy, dialogues: list[Dialogue]) -> None:
    asked = dialogues[60:]
    probabilities = policy.probabilities(asked, ENCODER)
    assert probabilities.shape == (len(_actions(asked)), len(policy.labels))
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, rtol=1e-5)
    named = [policy.labels[number] for number in probabilities.argmax(1)]
    assert accuracy(named, asked) > 0.95
    assert accuracy(majority(dialogues[:60], asked), asked) < accuracy(by_previous(dialogues[:60], asked), asked) < 0.9


def test_what_is_out_of_scope_is_found_at_the_threshold_chosen_on_dialogues_held_out(
    policy: Policy, dialogues: list[Dialogue]
) -> None:
    asked = dialogues[60:]
    outside = np.asarray([action == "out_of_scope" for action in _actions(asked)])
    score = policy.outside("out_of_scope", policy.probabilities(asked, ENCODER))
    assert outside.any()
    assert ((score >= policy.thresholds["out_of_scope"]) == outside).all()


def test_nothing_that_comes_later_changes_what_is_foretold(policy: Policy, dialogues: list[Dialogue]) -> None:
    whole = dialogues[61]
    rows = policy.probabilities([whole], ENCODER)
    places = [place for place, event in enumerate(whole.events) if event.action]
    for row, place in zip(rows, places, strict=True):
        ranked = policy.rank(whole.events[:place], ENCODER)
        assert ranked[0][0] == policy.labels[int(row.argmax())]
        assert dict(ranked)[policy.labels[0]] == pytest.approx(float(row[0]), abs=1e-5)


def test_a_batch_foretells_what_each_dialogue_does_alone(dialogues: list[Dialogue]) -> None:
    some = [dialogues[0], Dialogue("short", dialogues[1].events[:2]), dialogues[2]]
    lexicon = Lexicon.of(some)
    encoded, rows = lexicon.encode(some, ENCODER)
    torch.manual_seed(0)
    net, table = NextAction(24, len(lexicon.words), len(lexicon.labels), RECIPE), torch.from_numpy(rows)
    together = logits_of(net, encoded, table)
    alone = np.concatenate([logits_of(net, [one], table) for one in encoded])
    np.testing.assert_allclose(together, alone, atol=1e-5)
    assert len(together) == len(targets_of(encoded))


def test_equal_seeds_give_equal_policies(dialogues: list[Dialogue]) -> None:
    few = Recipe(epochs=2, batch=8, part=8, state=8)
    first, second = (learn_dialogue(dialogues[:20], ENCODER, few) for _ in range(2))
    one, two = (policy.probabilities(dialogues[60:62], ENCODER) for policy in (first, second))
    np.testing.assert_array_equal(one, two)
    assert first.thresholds == second.thresholds


def test_an_action_that_training_lacks_is_read_without_harm(policy: Policy) -> None:
    strange = Dialogue("s", (Event(Kind.USER, "hello there"), Event(Kind.REPLY, "Hm.", "shrug"), Event(Kind.USER, "")))
    encoded, _ = policy.lexicon.encode([strange], ENCODER)
    assert targets_of(encoded).tolist() == [-2]
    assert policy.probabilities([strange], ENCODER).shape == (1, len(policy.labels))


def test_one_action_alone_is_refused() -> None:
    same = [Dialogue(str(n), (Event(Kind.USER, "hi"), Event(Kind.REPLY, "Hello", "hello"))) for n in range(5)]
    with pytest.raises(BadLabels, match="only ever take the action 'hello'"):
        learn_dialogue(same, ENCODER, RECIPE)


def test_words_keep_their_shape_and_their_neighbours() -> None:
    assert words_in("Account 4711, please") == {"account", "0000", "please", "account 0000", "0000 please"}
    assert words_in("退款") == {"退", "款", "退 款"}


def test_a_baseline_sees_what_came_before_and_nothing_else(dialogues: list[Dialogue]) -> None:
    (utterance, last, before), *_ = contexts(dialogues[:1])[0]
    assert utterance == dialogues[0].events[0].text
    assert (last, before) == (f" {utterance}", f" {utterance}")
    learnt, asked = dialogues[:40], dialogues[60:]
    words = accuracy(by_words(learnt, asked, history=False, seed=1), asked)
    history = accuracy(by_words(learnt, asked, history=True, seed=1), asked)
    assert words < 0.9 < history


def test_the_threshold_has_the_best_f1() -> None:
    scores = np.asarray([0.9, 0.8, 0.7, 0.2, 0.1], np.float32)
    assert best_threshold(scores, np.asarray([True, False, True, False, False])) == pytest.approx(0.7)
    assert best_threshold(scores, np.zeros(5, bool)) > 1


def test_softmax_does_not_overflow() -> None:
    np.testing.assert_allclose(softmax(np.asarray([[1e4, 1e4]])), [[0.5, 0.5]])
