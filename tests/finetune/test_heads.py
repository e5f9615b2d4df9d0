import numpy as np
import pytest
from numpy.typing import NDArray

from bot.catalogue import Handle, IntentEntry
from bot.errors import HeadError
from bot.head import IntentHead
from finetune.errors import BadLabels
from finetune.heads import fit_head
from finetune.utterances import Utterances

WIDTH = 16
LABELS = ("cancel", "greet", "track")
CATALOGUE = {label: IntentEntry(label, Handle.SEARCH) for label in LABELS}


def around(centre: int, count: int, spread: float, seed: int) -> NDArray[np.float32]:
    """`count` unit rows scattered around one axis."""
    rows = np.random.default_rng(seed).normal(0, spread, (count, WIDTH))
    rows[:, centre] += 1
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


@pytest.fixture
def training() -> tuple[Utterances, list[str], Utterances]:
    rows = np.vstack([around(axis, 20, 0.2, axis) for axis in range(3)])
    outside = np.vstack([around(axis, 8, 0.2, 40 + axis) for axis in range(8, 12)])
    return Utterances(rows), [label for label in LABELS for _ in range(20)], Utterances(outside)


def test_a_fitted_head_knows_its_own_intents_and_what_lies_outside(training) -> None:
    head, view, chosen = fit_head(*training, CATALOGUE, folds=4, seed=1)
    probabilities, outside = head.apply(np.vstack([around(axis, 5, 0.1, 70 + axis) for axis in (0, 1, 2, 14)]))
    assert [head.labels[index] for index in probabilities.argmax(1)[:15:5]] == list(LABELS)
    assert outside[15:].min() > outside[:15].max()
    assert chosen["cross_validated_accuracy"] > 0.95
    assert (view.gold == -1).sum() == 32


def test_the_out_of_fold_view_is_not_what_the_final_head_says(training) -> None:
    """Labels drawn at random cannot be predicted: an out-of-fold accuracy above chance would be a leak."""
    rows, intents, outside = training
    shuffled = [str(label) for label in np.random.default_rng(5).permutation(intents)]
    _, view, _ = fit_head(rows, shuffled, outside, CATALOGUE, folds=4, seed=1)
    inside = view.gold >= 0
    assert (view.probabilities[inside].argmax(1) == view.gold[inside]).mean() < 0.55


def test_the_same_seed_gives_the_same_head(training) -> None:
    first, second = (fit_head(*training, CATALOGUE, folds=4, seed=3)[0] for _ in range(2))
    assert first.to_bytes() == second.to_bytes()


def test_an_intent_with_too_few_utterances_is_named(training) -> None:
    rows, intents, outside = training
    with pytest.raises(BadLabels, match="'rare' has 1 utterances; give it at least 4"):
        fit_head(rows, ["rare", *intents[1:]], outside, CATALOGUE, folds=4, seed=1)


def test_without_out_of_scope_examples_a_head_is_still_fitted(training) -> None:
    rows, intents, outside = training
    head, view, _ = fit_head(rows, intents, Utterances(np.zeros((0, WIDTH), np.float32)), CATALOGUE, folds=4, seed=1)
    assert head.labels == LABELS
    assert len(view.gold) == len(intents)
    scores = head.apply(*rows.and_those(outside))[1]
    assert scores[len(intents) :].min() > np.quantile(scores[: len(intents)], 0.9), (
        "the energy tells them apart all the same"
    )
    assert np.median(view.out_of_scope) == pytest.approx(0.05, abs=0.03)


def test_what_is_like_known_examples_out_of_scope_lies_outside(training) -> None:
    rows, intents, outside = training
    head, _, _ = fit_head(rows, intents, outside, CATALOGUE, folds=4, seed=1)
    assert head.scope.outside > 0
    between = np.vstack([around(0, 1, 0, 1) + around(axis, 1, 0, 1) for axis in (9, 14)]) / np.sqrt(2)
    like_known, new = head.apply(between.astype(np.float32))[1]  # as far from every intent, one near known examples
    assert like_known > new


def test_one_example_out_of_scope_is_no_neighbour_of_its_own(training) -> None:
    rows, intents, outside = training
    head, view, _ = fit_head(rows, intents, outside.only(np.arange(32) < 1), CATALOGUE, folds=4, seed=1)
    assert head.scope.outside == 0
    assert view.out_of_scope[-1] < 1


def test_middle_layers_tell_what_the_vectors_do_not(training) -> None:
    """Vectors alike for all, layers that differ by intent: the head reads them, and says the same once it is saved."""
    rows, intents, _ = training
    alike = Utterances(np.full_like(rows.vectors, WIDTH**-0.5), (), np.hstack([rows.vectors * 7, rows.vectors]))
    nothing = Utterances(alike.vectors[:0], (), alike.layers[:0])
    head, _, chosen = fit_head(alike, intents, nothing, CATALOGUE, folds=4, seed=1)
    assert chosen["cross_validated_accuracy"] > 0.95
    again = IntentHead.from_bytes(*head.to_bytes())
    np.testing.assert_array_equal(head.apply(*alike)[0], again.apply(*alike)[0])
    with pytest.raises(HeadError, match=r"layers are None, but the intent head wants \(60, 32\)"):
        head.apply(alike.vectors)
