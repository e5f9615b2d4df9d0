from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from tiny_bert import make_tiny_bert

from finetune.encoder.batches import batches
from finetune.encoder.checkpoint import FILE, read_checkpoint
from finetune.encoder.intents import SEEN, learn_intents
from finetune.encoder.loop import Examples, Tuned, tune
from finetune.encoder.losses import answer_ranking, disagreement, supervised_contrast
from finetune.encoder.model import TrainableEncoder
from finetune.encoder.recipe import Recipe
from finetune.errors import BadLabels
from finetune.labelled import Labelled
from retrieval.encoder import SentenceEncoder

TRACK = ["where is my parcel", "track my order please", "the parcel is late", "where is it now", "track it"]
CANCEL = ["stop my order", "cancel the order please", "undo it", "cancel it now", "stop the parcel"]
REFUND = ["money back please", "when is my refund paid", "refund the money", "where is my money back", "refund it"]
EXAMPLES = Examples([*TRACK, *CANCEL, *REFUND], [0] * 5 + [1] * 5 + [2] * 5)
PAIRED = replace(
    EXAMPLES,
    questions=["where is my parcel", "undo it"],
    answers=["track the order", "cancel the order"],
    sources=[0, 1],
)
RECIPE = Recipe(epochs=6, batch=4, learning_rate=3e-3, dropout=0.1)


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_tiny_bert(tmp_path_factory.mktemp("weights") / "tiny")


def weights(tuned: Tuned) -> dict[str, torch.Tensor]:
    return {**dict(tuned.encoder.named_parameters()), "proxies": tuned.proxies}


def assert_equal(one: Tuned, other: Tuned) -> None:
    mine, theirs = weights(one), weights(other)
    assert all(torch.equal(mine[name], theirs[name]) for name in mine)


def test_tuning_learns_what_the_base_does_not_know(tiny: Path) -> None:
    tuned = tune(tiny, EXAMPLES, RECIPE)
    vectors = tuned.encoder.encode(EXAMPLES.texts)
    named = (vectors @ tuned.proxies.numpy().T).argmax(1)
    assert (named == EXAMPLES.labels).mean() >= 0.9


@pytest.mark.parametrize("recipe", [RECIPE, replace(RECIPE, contrast=1.0, consistency=1.0, smoothing=0.1)])
def test_equal_seeds_give_equal_weights_and_others_do_not(tiny: Path, recipe: Recipe) -> None:
    short = replace(recipe, epochs=2)
    assert_equal(tune(tiny, PAIRED, short), tune(tiny, PAIRED, short))
    other = weights(tune(tiny, PAIRED, replace(short, seed=14)))
    assert not torch.equal(other["proxies"], weights(tune(tiny, PAIRED, short))["proxies"])


@pytest.mark.parametrize("step", [3, 7, 12])
def test_a_run_killed_at_any_step_ends_as_one_that_was_not(tiny: Path, tmp_path: Path, step: int) -> None:
    held_out = (["where is the order", "cancel my parcel"], [0, 1])

    def die(done: int, steps: int, left_s: float) -> None:
        if done == step:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        tune(tiny, PAIRED, RECIPE, held_out=held_out, checkpoint=tmp_path, told=die)
    resumed = tune(tiny, PAIRED, RECIPE, held_out=held_out, checkpoint=tmp_path)
    undisturbed = tune(tiny, PAIRED, RECIPE, held_out=held_out)
    assert_equal(resumed, undisturbed)
    assert (resumed.accuracies, resumed.epochs) == (undisturbed.accuracies, undisturbed.epochs)


def test_a_finished_epoch_is_not_run_again(tiny: Path, tmp_path: Path) -> None:
    tune(tiny, EXAMPLES, RECIPE, stop_after=2, checkpoint=tmp_path)
    steps: list[int] = []
    tune(tiny, EXAMPLES, RECIPE, stop_after=3, checkpoint=tmp_path, told=lambda done, *_: steps.append(done))
    assert steps == [9, 10, 11, 12]


def test_a_checkpoint_of_other_work_or_a_damaged_one_is_none(tiny: Path, tmp_path: Path) -> None:
    tune(tiny, EXAMPLES, RECIPE, stop_after=1, checkpoint=tmp_path)
    assert read_checkpoint(tmp_path, "another") is None
    (tmp_path / FILE).write_bytes(b"torn")
    assert_equal(
        tune(tiny, EXAMPLES, RECIPE, stop_after=1, checkpoint=tmp_path), tune(tiny, EXAMPLES, RECIPE, stop_after=1)
    )


def test_tuning_stops_when_held_out_accuracy_does_and_keeps_the_best_epoch(tiny: Path) -> None:
    unlearnable = (["when", "when", "when"], [0, 1, 2])
    tuned = tune(tiny, EXAMPLES, replace(RECIPE, epochs=20, patience=2), held_out=unlearnable)
    assert max(tuned.accuracies) == tuned.accuracies[tuned.epochs - 1]
    assert len(tuned.accuracies) <= tuned.epochs + 2


def test_frozen_layers_and_word_embeddings_stay_as_they_are(tiny: Path) -> None:
    base = dict(TrainableEncoder(tiny, RECIPE).named_parameters())
    tuned = dict(tune(tiny, EXAMPLES, replace(RECIPE, frozen_layers=1), stop_after=1).encoder.named_parameters())
    moved = {name for name in base if not torch.equal(base[name], tuned[name])}
    assert moved
    assert not any("embeddings" in name or "layer.0." in name for name in moved)


def test_pairs_draw_a_question_to_its_answer(tiny: Path) -> None:
    recipe = replace(RECIPE, epochs=15)
    plain, paired = tune(tiny, EXAMPLES, recipe).encoder, tune(tiny, PAIRED, recipe).encoder

    def lead(encoder: object) -> float:
        questions, answers = (encoder.encode(texts) for texts in (PAIRED.questions, PAIRED.answers))  # type: ignore[attr-defined]
        cosines = questions @ answers.T
        return float(np.trace(cosines) - cosines[0, 1] - cosines[1, 0])

    assert lead(paired) > lead(plain)


def test_pairs_alone_can_be_learnt(tiny: Path) -> None:
    pairs = Examples([], [], PAIRED.questions, PAIRED.answers, PAIRED.sources)
    tuned = tune(tiny, pairs, replace(RECIPE, epochs=2))
    assert (tuned.proxies.shape, tuned.epochs) == ((0, 32), 2)


def test_the_saved_folder_serves_what_was_tuned(tiny: Path, tmp_path: Path) -> None:
    tuned = tune(tiny, EXAMPLES, RECIPE, stop_after=2)
    tuned.encoder.save(tmp_path / "model")
    served = SentenceEncoder(tmp_path / "model", threads=1).encode(EXAMPLES.texts)
    assert np.allclose(served, tuned.encoder.encode(EXAMPLES.texts), atol=1e-5)
    assert not np.allclose(served, SentenceEncoder(tiny, threads=1).encode(EXAMPLES.texts), atol=1e-2)


def test_an_encoder_and_its_head_are_learnt_from_utterances(tiny: Path, tmp_path: Path) -> None:
    names = ("track_order", "cancel_order", "refund_money")
    utterances = [Labelled(text, names[label]) for text, label in zip(EXAMPLES.texts, EXAMPLES.labels, strict=True)]
    sealed = learn_intents(tiny, utterances, RECIPE, tmp_path)
    probabilities, _ = sealed.head.apply(SentenceEncoder(sealed.folder, threads=1).encode(["track my parcel"]))
    assert sealed.head.labels == tuple(sorted(names))
    assert probabilities.sum() == pytest.approx(1.0, abs=1e-5)
    assert 1 <= sealed.epochs <= RECIPE.epochs


def test_an_intent_with_one_utterance_is_learnt_but_judges_nothing(tiny: Path, tmp_path: Path) -> None:
    few = [Labelled("track it", "track"), Labelled("track", "track"), Labelled("stop it", "cancel")]
    sealed = learn_intents(tiny, few, RECIPE, tmp_path)
    assert sealed.head.labels == ("cancel", "track")
    assert [sealed.view.labels[number] for number in sealed.view.gold] == ["track"]


def test_where_nothing_can_be_held_out_it_is_said(tiny: Path, tmp_path: Path) -> None:
    few = [Labelled("track it", "track"), Labelled("stop it", "cancel")]
    with pytest.raises(BadLabels, match="no intent has two utterances"):
        learn_intents(tiny, few, RECIPE, tmp_path)
    with pytest.raises(BadLabels, match="only the intent 'track'"):
        learn_intents(tiny, few[:1], RECIPE, tmp_path)


def test_the_pilot_is_judged_by_what_it_has_not_seen(tiny: Path, tmp_path: Path) -> None:
    names = ("track_order", "cancel_order", "refund_money")
    utterances = [Labelled(text, names[label]) for text, label in zip(EXAMPLES.texts, EXAMPLES.labels, strict=True)]
    sealed = learn_intents(
        tiny, utterances, RECIPE, tmp_path, outside=["snow", "the rain is late", "red shoe", "x", "y"]
    )
    seen = set(json.loads((tmp_path / f"pilot-model-{SEEN}").read_text()))
    unseen = [u for u in utterances if u.text not in seen]
    assert unseen
    assert len(sealed.view.gold) == len(unseen) + 5
    assert (sealed.view.gold < 0).sum() == 5
    encoder = SentenceEncoder(sealed.pilot, threads=1)
    assert encoder.encode(["track"]).shape == (1, 32)


def test_every_row_is_read_once_an_epoch_with_rows_of_like_length() -> None:
    lengths = list(np.random.default_rng(0).integers(3, 60, 500))
    made = batches(lengths, 16, seed=1, epoch=0)
    assert sorted(row for batch in made for row in batch) == list(range(500))
    padded = sum(max(lengths[row] for row in batch) * len(batch) for batch in made)
    assert padded < 1.2 * sum(lengths)
    assert made == batches(lengths, 16, seed=1, epoch=0) != batches(lengths, 16, seed=1, epoch=1)


def test_contrast_is_the_mean_log_share_of_companions() -> None:
    vectors = torch.tensor([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0]])
    # Row 0 sees companions at cosine 1 and others at 0: -log(e / (e + 1)); row 2 has no companion and does not count.
    expected = -np.log(np.e / (np.e + 1))
    assert float(supervised_contrast(vectors, torch.tensor([0, 0, 1]), 1.0)) == pytest.approx(expected, abs=1e-6)
    assert float(supervised_contrast(vectors, torch.tensor([0, 1, 2]), 1.0)) == 0.0


def test_two_readings_that_agree_cost_nothing() -> None:
    one, other = torch.tensor([[2.0, 0.0]]), torch.tensor([[0.0, 2.0]])
    assert float(disagreement(one, one)) == pytest.approx(0.0, abs=1e-7)
    p = np.exp([2.0, 0.0]) / np.exp([2.0, 0.0]).sum()
    assert float(disagreement(one, other)) == pytest.approx(float((p * np.log(p / p[::-1])).sum()), abs=1e-6)


def test_an_answer_of_the_same_source_is_no_counterexample() -> None:
    same = torch.tensor([[1.0, 0.0], [1.0, 0.0]])
    assert float(answer_ranking(same, same, torch.tensor([4, 4]), 20.0)) == pytest.approx(0.0, abs=1e-6)
    assert float(answer_ranking(same, same, torch.tensor([4, 5]), 20.0)) == pytest.approx(np.log(2), abs=1e-6)
