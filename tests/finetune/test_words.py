"""Words beside embeddings: kept where they set more utterances right."""

from __future__ import annotations

import numpy as np
import pytest

from bot.catalogue import Handle, IntentEntry
from bot.errors import HeadError
from bot.head import IntentHead
from bot.surface import read_surface
from finetune.heads import fit_head
from finetune.utterances import Utterances
from finetune.words import learn_words, pick_share

OPEN = ("打开{}", "请打开{}", "帮我打开{}", "启动{}", "运行一下{}")
PLAY = ("播放{}", "我想听{}", "来一首{}", "唱{}给我听", "放一下{}")
WHAT = ("浏览器", "相机", "地图", "日历", "音乐", "微信")
TEXTS = [frame.format(what) for frame in (*OPEN, *PLAY) for what in WHAT]
INTENTS = ["open"] * (len(OPEN) * len(WHAT)) + ["play"] * (len(PLAY) * len(WHAT))
CATALOGUE = {name: IntentEntry(name, Handle.SEARCH) for name in ("open", "play")}


def told_nothing(count: int) -> np.ndarray:
    """Vectors of an encoder that does not read the language: the same for every text but for noise."""
    rows = np.random.default_rng(4).normal(0, 0.01, (count, 8)) + 1
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def learnt(texts: list[str]) -> tuple[IntentHead, dict[str, float]]:
    nothing = Utterances(np.zeros((0, 8), np.float32))
    head, _, chosen = fit_head(
        Utterances(told_nothing(len(TEXTS)), texts), INTENTS, nothing, CATALOGUE, folds=5, seed=1
    )
    return head, chosen


def test_a_language_that_the_encoder_does_not_read_is_learnt_from_its_words() -> None:
    head, chosen = learnt(TEXTS)
    assert chosen["words"] > 0
    assert chosen["cross_validated_accuracy"] > 0.9
    asked = ["打开计算器", "播放新闻"]
    assert head.probabilities(told_nothing(2), asked).argmax(axis=1).tolist() == [0, 1]


def test_a_head_with_words_says_the_same_after_it_was_saved() -> None:
    head, _ = learnt(TEXTS)
    again = IntentHead.from_bytes(*head.to_bytes())
    for ours, theirs in zip(
        head.apply(told_nothing(3), TEXTS[:3]), again.apply(told_nothing(3), TEXTS[:3]), strict=True
    ):
        np.testing.assert_array_equal(ours, theirs)


def test_a_head_with_words_refuses_embeddings_without_their_texts() -> None:
    head, _ = learnt(TEXTS)
    with pytest.raises(HeadError, match="3 embeddings and 0 texts"):
        head.apply(told_nothing(3))


def test_words_that_tell_nothing_have_no_place_in_the_head() -> None:
    head, chosen = learnt(["打开"] * len(TEXTS))
    assert chosen["words"] == 0
    assert head.words is None


def test_the_share_is_by_likelihood_and_none_without_a_gain() -> None:
    gold = np.arange(300) % 3
    right = np.eye(3, dtype=np.float32)[gold] * 4
    wrong = np.roll(right, 1, axis=1)
    assert pick_share(right, wrong, gold) == 0
    assert pick_share(np.zeros_like(right), right, gold) > 0


def test_a_gain_that_could_be_chance_is_none() -> None:
    gold = np.arange(300) % 3
    rng = np.random.default_rng(2)
    logits = np.eye(3, dtype=np.float32)[gold] * 2 + rng.normal(size=(300, 3)).astype(np.float32)
    helpful = np.eye(3, dtype=np.float32)[gold] + rng.normal(size=(300, 3)).astype(np.float32)
    assert pick_share(logits, helpful, gold) > 0
    noise = [rng.normal(size=(60, 3)).astype(np.float32) for _ in range(20)]
    assert [pick_share(logits[:60], said, gold[:60]) for said in noise].count(0.0) > 15


def test_words_learn_from_texts_alone() -> None:
    gold = np.asarray([0] * 30 + [1] * 30)
    model = learn_words([read_surface(text) for text in TEXTS], gold)
    assert model.weight.shape == (model.rows, 2)
    assert model.weight.dtype == np.float16
