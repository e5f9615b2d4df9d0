from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tiny_bert import make_tiny_bert

from finetune.encoder.batches import batches
from finetune.encoder.checkpoint import FILE, read_checkpoint
from finetune.encoder.intents import learn_intents
from finetune.encoder.loop import Examples, Tuned, tune
from finetune.encoder.losses import answer_ranking, disagreement, mixed, supervised_contrast
from finetune.encoder.model import TrainableEncoder
from finetune.encoder.optimizing import Adversary, MovingAverage
from finetune.encoder.recipe import Recipe
from finetune.errors import BadLabels
from finetune.labelled import Labelled
from finetune.pilot import SEEN
from finetune.utterances import read_utterances
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
HARD = replace(PAIRED, negatives=[["cancel it", "undo the order"], ["track it now"]])
SOFT = replace(HARD, soft=np.eye(3, dtype=np.float32)[list(EXAMPLES.labels)] * 0.7 + np.float32(0.1))
OPTIONS = (
    {"contrast": 1.0, "consistency": 1.0, "smoothing": 0.1},
    {"accumulate": 2, "average": 0.9},
    {"mixup": 0.4, "word_dropout": 0.2, "augment": 0.5},
    {"adversarial": 0.1, "layer_decay": 0.7},
    {"precision": "bfloat16", "frozen_layers": 1, "soft": 0.3},
)


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_tiny_bert(tmp_path_factory.mktemp("weights") / "tiny")


class Kept:
    """Curves that stay in memory."""

    def __init__(self) -> None:
        self.points: dict[str, list[tuple[int, float]]] = {}

    def number(self, name: str, value: float, step: int) -> None:
        self.points.setdefault(name, []).append((step, value))

    def close(self) -> None:
        pass


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


def test_equal_seeds_give_equal_weights_and_others_do_not(tiny: Path) -> None:
    short = replace(RECIPE, epochs=2)
    one = tune(tiny, PAIRED, short)
    assert_equal(one, tune(tiny, PAIRED, short))
    other = weights(tune(tiny, PAIRED, replace(short, seed=14)))
    assert not torch.equal(other["proxies"], weights(one)["proxies"])


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


@pytest.fixture(scope="module")
def optionless(tiny: Path) -> torch.Tensor:
    """The proxies that two epochs without any option come to."""
    held_out = (["where is the order", "cancel my parcel"], [0, 1])
    return tune(tiny, SOFT, replace(RECIPE, epochs=2), held_out=held_out).proxies


@pytest.mark.parametrize("options", OPTIONS, ids="-".join)
def test_every_option_goes_on_bit_for_bit_from_the_middle_of_an_epoch(
    tiny: Path, tmp_path: Path, optionless: torch.Tensor, options: dict[str, Any]
) -> None:
    recipe = replace(RECIPE, epochs=2, **options)
    held_out = (["where is the order", "cancel my parcel"], [0, 1])

    def die(done: int, steps: int, left_s: float) -> None:
        if done >= 8:  # of 10; the checkpoint before it is of step 6 or 7, and an epoch has 5
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        tune(tiny, SOFT, recipe, held_out=held_out, checkpoint=tmp_path, told=die, save_every_s=0)
    later: list[int] = []
    resumed = tune(tiny, SOFT, recipe, held_out=held_out, checkpoint=tmp_path, told=lambda done, *_: later.append(done))
    undisturbed = tune(tiny, SOFT, recipe, held_out=held_out)
    assert later[0] == (9 if recipe.accumulate == 2 else 8)
    assert_equal(resumed, undisturbed)
    assert not torch.equal(undisturbed.proxies, optionless)


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
    probabilities, _ = sealed.head.apply(
        *read_utterances(SentenceEncoder(sealed.folder, threads=1), ["track my parcel"])
    )
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


def test_gradients_that_are_added_up_are_those_of_one_large_batch(tiny: Path) -> None:
    whole = replace(RECIPE, epochs=3, batch=15, dropout=0.0, clip=1e9, warm_up=0.0)
    parts = replace(whole, batch=5, accumulate=3)
    one, other = (weights(tune(tiny, EXAMPLES, recipe, stop_after=1)) for recipe in (whole, parts))
    base = weights(tune(tiny, EXAMPLES, replace(whole, learning_rate=1e-12, proxy_learning_rate=1e-12), stop_after=1))
    # AdamW's first step moves by the gradient's sign: by the rate where it is clear, anything where it is almost 0.
    same = {name: float(((one[name] - other[name]).abs() < 1e-4).float().mean()) for name in one}
    assert min(same.values()) > 0.97
    assert not torch.allclose(one["proxies"], base["proxies"])


def test_lower_layers_move_less_where_rates_decay(tiny: Path) -> None:
    base = dict(TrainableEncoder(tiny, RECIPE).named_parameters())

    def moved(layer_decay: float) -> list[float]:
        tuned = tune(tiny, EXAMPLES, replace(RECIPE, layer_decay=layer_decay), stop_after=1).encoder
        named = dict(tuned.named_parameters())
        names = [f"body.encoder.layer.{layer}.output.dense.weight" for layer in (0, 1)]
        return [float((named[name] - base[name]).detach().abs().mean()) for name in names]

    even, decayed = moved(1.0), moved(0.1)
    assert decayed[0] < 0.2 * even[0]
    assert decayed[1] > 0.5 * even[1]


def test_the_average_of_the_weights_is_what_is_kept(tiny: Path) -> None:
    parameter = torch.nn.Parameter(torch.zeros(1))
    average = MovingAverage({"one": parameter}, 0.5)
    for step, value in enumerate((1.0, 2.0), start=1):
        parameter.data.fill_(value)
        average.take({"one": parameter}, step)
    # Step 1 keeps 1/11 of 0, step 2 keeps 2/12 of what then was.
    assert float(average.tensors["one"]) == pytest.approx(2 / 12 * (10 / 11) + 10 / 12 * 2.0)
    with average.standing_in({"one": parameter}):
        assert torch.equal(parameter.data, average.tensors["one"])
    assert float(parameter) == 2.0
    plain, averaged = (tune(tiny, EXAMPLES, replace(RECIPE, epochs=2, average=decay)) for decay in (0.0, 0.9))
    assert not torch.equal(plain.proxies, averaged.proxies)


def test_the_adversary_moves_embeddings_by_its_share_up_the_gradient(tiny: Path) -> None:
    encoder = TrainableEncoder(tiny, replace(RECIPE, dropout=0.0))
    ids = encoder.tokenize(["where is my parcel", "cancel it"])
    aim = torch.randn(2, 32, generator=torch.Generator().manual_seed(1))

    def loss() -> torch.Tensor:
        return -(encoder(ids) * aim).sum()

    adversary = Adversary(encoder, 0.05)
    quiet = loss()
    with adversary.watching():
        watched = loss()
        watched.backward()
    with adversary.pushing():
        pushed = loss()
    assert float(watched) == pytest.approx(float(quiet), abs=1e-6)
    assert float(pushed) > float(quiet)
    assert float(loss()) == pytest.approx(float(quiet), abs=1e-6)


def test_bfloat16_learns_as_float32_does(tiny: Path) -> None:
    full, half = (tune(tiny, EXAMPLES, replace(RECIPE, precision=name)) for name in ("float32", "bfloat16"))
    assert not torch.equal(full.proxies, half.proxies)
    named = (half.encoder.encode(EXAMPLES.texts) @ half.proxies.numpy().T).argmax(1)
    assert (named == EXAMPLES.labels).mean() >= 0.8


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU")
def test_a_gpu_learns_what_a_cpu_does_and_goes_on_after_a_kill(tiny: Path, tmp_path: Path) -> None:
    def die(done: int, steps: int, left_s: float) -> None:
        if done == 7:
            raise KeyboardInterrupt

    recipe = replace(RECIPE, epochs=2, dropout=0.0, precision="float32", average=0.9, contrast=0.5, adversarial=0.05)
    on_cpu = tune(tiny, SOFT, recipe, device="cpu")
    with pytest.raises(KeyboardInterrupt):
        tune(tiny, SOFT, recipe, device="cuda", checkpoint=tmp_path, told=die, save_every_s=0)
    on_gpu = tune(tiny, SOFT, recipe, device="cuda", checkpoint=tmp_path)
    assert on_gpu.proxies.device.type == "cpu"
    assert torch.allclose(on_gpu.proxies, on_cpu.proxies, atol=0.02)
    half = tune(tiny, SOFT, replace(recipe, precision="bfloat16"), device="cuda")
    assert np.isfinite(half.encoder.encode(EXAMPLES.texts)).all()


def test_soft_labels_overrule_what_they_are_weighed_above(tiny: Path) -> None:
    wrong = np.eye(3, dtype=np.float32)[[1] * 5 + [2] * 5 + [0] * 5]
    tuned = tune(tiny, replace(EXAMPLES, soft=wrong), replace(RECIPE, soft=1.0))
    named = (tuned.encoder.encode(EXAMPLES.texts) @ tuned.proxies.numpy().T).argmax(1)
    assert (named == wrong.argmax(1)).mean() >= 0.7
    assert (named == EXAMPLES.labels).mean() <= 0.3


def test_an_utterance_that_nobody_labelled_is_learnt_from_its_soft_label(tiny: Path) -> None:
    texts, labels = [*EXAMPLES.texts, "paid late", "late paid"], [*EXAMPLES.labels, -1, -1]
    soft = np.vstack([np.eye(3, dtype=np.float32)[list(EXAMPLES.labels)], np.eye(3, dtype=np.float32)[[1, 1]]])
    tuned = tune(tiny, Examples(texts, labels, soft=soft), replace(RECIPE, contrast=0.5))
    assert (tuned.encoder.encode(["paid late"]) @ tuned.proxies.numpy().T).argmax() == 1


def test_examples_that_do_not_fit_together_are_named() -> None:
    with pytest.raises(BadLabels, match="utterance 1 has neither a label nor soft ones"):
        Examples(["track it", "late"], [0, -1])
    with pytest.raises(BadLabels, match=r"\(1, 2\); these utterances need \(2, 2\)"):
        Examples(["track it", "undo it"], [0, 1], soft=np.ones((1, 2), np.float32))
    with pytest.raises(BadLabels, match="2 questions but negatives for 1"):
        replace(PAIRED, negatives=[["no"]])


def test_hard_negatives_are_pushed_away(tiny: Path) -> None:
    recipe = replace(RECIPE, epochs=20, dropout=0.0)

    def lead(examples: Examples) -> float:
        """By how much the right answer is nearer than a wrong one that sounds like another's right one."""
        encoder = tune(tiny, Examples([], [], *(examples.questions, examples.answers, examples.sources),
                                      negatives=examples.negatives), recipe).encoder  # fmt: skip
        cosines = encoder.encode(["where is my parcel"]) @ encoder.encode(["track the order", "track the parcel"]).T
        return float(cosines[0, 0] - cosines[0, 1])

    assert lead(replace(PAIRED, negatives=[["track the parcel"], []])) > lead(PAIRED) + 0.05


def test_curves_show_each_loss_the_rate_and_the_held_out_accuracy(tiny: Path) -> None:
    curves = Kept()
    tuned = tune(tiny, PAIRED, replace(RECIPE, epochs=2), held_out=(["track it", "undo it"], [0, 1]), curves=curves)
    assert set(curves.points) == {"loss/utterances", "loss/pairs", "learning_rate", "held_out_accuracy"}
    assert [value for _, value in curves.points["held_out_accuracy"]] == tuned.accuracies
    assert [step for step, _ in curves.points["held_out_accuracy"]] == [5, 10]
    assert curves.points["learning_rate"][-1][1] < RECIPE.learning_rate
    assert all(np.isfinite(value) for points in curves.points.values() for _, value in points)


def test_who_judges_an_epoch_can_end_the_run(tiny: Path, tmp_path: Path) -> None:
    told: list[tuple[int, float]] = []

    def judged(epoch: int, accuracy: float) -> None:
        told.append((epoch, accuracy))
        if len(told) == 2:
            raise KeyboardInterrupt

    held_out = (["track it", "undo it"], [0, 1])
    with pytest.raises(KeyboardInterrupt):
        tune(tiny, EXAMPLES, RECIPE, held_out=held_out, judged=judged, checkpoint=tmp_path)
    again: list[tuple[int, float]] = []
    tune(tiny, EXAMPLES, RECIPE, held_out=held_out, judged=lambda *row: again.append(row), checkpoint=tmp_path)
    assert again[:2] == told
    assert [epoch for epoch, _ in again] == list(range(1, len(again) + 1))


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


def test_a_wrong_answer_counts_but_not_where_it_is_the_right_one() -> None:
    question, right = torch.tensor([[1.0, 0.0]]), torch.tensor([[1.0, 0.0]])
    wrong, source = torch.tensor([[1.0, 0.0], [0.0, 1.0]]), torch.tensor([0])
    # One question: the way back has nothing to choose from, so half of what the way there costs is left.
    costs = float(answer_ranking(question, right, source, 1.0, wrong))
    assert costs == pytest.approx(0.5 * np.log(2 + np.exp(-1)), abs=1e-6)
    spared = float(answer_ranking(question, right, source, 1.0, wrong, torch.tensor([[True, False]])))
    assert spared == pytest.approx(0.5 * np.log(1 + np.exp(-1)), abs=1e-6)


def test_mixing_keeps_vectors_of_unit_length_and_targets_of_sum_one() -> None:
    torch.manual_seed(0)
    vectors = torch.nn.functional.normalize(torch.randn(16, 8), dim=1)
    targets = torch.eye(4).repeat(4, 1)
    seen, named = mixed(vectors, targets, 0.4)
    assert torch.allclose(seen.norm(dim=1), torch.ones(16), atol=1e-5)
    assert torch.allclose(named.sum(1), torch.ones(16), atol=1e-5)
    assert float(named.max(1).values.min()) >= 0.5
    assert not torch.allclose(seen, vectors)
