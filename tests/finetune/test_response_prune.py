"""Layers leave from the middle, and the intent head reads what the reply goes on from."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tiny_speaker import make_tiny_speaker

from bot.errors import HeadError
from bot.trunk import Trunk, TrunkHead
from finetune.errors import BadRecipe
from finetune.labelled import Labelled
from finetune.response.adapters import load_base, load_tokenizer
from finetune.response.prune import cut, layers_to_keep, prune
from finetune.response.recipe import ResponseRecipe
from finetune.response.tokens import plain_rows
from finetune.response.trunk import compare_readers, trunk_vectors

TEXT = ["delivery takes two days", "returns are free within 30 days", "gift wrapping costs 3 euro for each item"] * 20
SAID = ["how long does delivery take", "what does gift wrapping cost", "pots", "can i return this"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_tiny_speaker(tmp_path_factory.mktemp("weights") / "speaker", layers=4)


@pytest.mark.parametrize(
    ("layers", "drop", "kept"),
    [
        (4, 1, (0, 1, 3)),
        (8, 2, (0, 1, 2, 4, 6, 7)),
        (8, 4, (0, 1, 6, 7)),
        (8, 6, (0, 7)),
        (3, 0, (0, 1, 2)),
    ],
)
def test_layers_leave_from_the_middle(layers: int, drop: int, kept: tuple[int, ...]) -> None:
    assert layers_to_keep(layers, drop) == kept


def test_the_first_and_the_last_layer_always_stay() -> None:
    for layers in range(2, 33):
        for drop in range(layers - 1):
            kept = layers_to_keep(layers, drop)
            assert len(kept) == layers - drop
            assert (kept[0], kept[-1]) == (0, layers - 1)
    with pytest.raises(BadRecipe, match="a model of 4 layers can lose 2"):
        layers_to_keep(4, 3)


def test_a_cut_model_keeps_the_weights_it_keeps_and_can_still_go_on_from_a_cache(folder: Path) -> None:
    whole, small = load_base(folder), cut(load_base(folder), (0, 1, 3))
    for place, layer in enumerate((0, 1, 3)):
        one, other = whole.model.layers[layer].state_dict(), small.model.layers[place].state_dict()
        assert all(torch.equal(value, other[name]) for name, value in one.items())
    ids = torch.tensor([[5, 6, 7, 8, 9]])
    cache = small(ids[:, :3], use_cache=True).past_key_values
    assert torch.allclose(small(ids[:, 3:], past_key_values=cache).logits[0], small(ids).logits[0, 3:], atol=1e-5)


def test_distilling_brings_back_some_of_what_was_cut(folder: Path, tmp_path: Path) -> None:
    tokenizer = load_tokenizer(folder)
    recipe = ResponseRecipe(prune_layers=2, distil_epochs=30, batch=4)
    report = prune(folder, plain_rows(tokenizer, TEXT, 16), recipe, tmp_path / "small", pad=2)
    assert report.kept == (0, 3)
    gap, left = report.perplexity_cut - report.perplexity_before, report.perplexity_distilled - report.perplexity_before
    assert left < gap
    again = load_base(tmp_path / "small")
    assert again.config.num_hidden_layers == 2
    assert load_tokenizer(tmp_path / "small").chat_template == tokenizer.chat_template


# One trunk


def trunk(folder: Path, layer: int = 2, pooling: str = "mean") -> Trunk:
    return Trunk(load_base(folder), load_tokenizer(folder), layer=layer, pooling=pooling)


def test_going_on_from_what_was_read_equals_the_whole_pass(folder: Path) -> None:
    speaker = trunk(folder)
    for said in SAID:
        read = speaker.read(said)
        for passages in (["delivery takes two days ."], ["returns are free .", "pots cost 3 euro ."]):
            handed_on = speaker.next_logits(read, passages, from_cache=True)
            whole = speaker.next_logits(read, passages, from_cache=False)
            assert np.allclose(handed_on, whole, atol=1e-5)
            assert np.ptp(whole) > 0.01


def test_a_reply_that_goes_on_from_the_cache_is_the_reply_without_it(folder: Path) -> None:
    speaker = trunk(folder)
    read = speaker.read(SAID[0])
    passages = ["delivery takes two days ."]
    first = speaker.reply(read, passages, max_tokens=8)
    assert speaker.reply(read, passages, max_tokens=8) == first  # what was read is not used up
    assert speaker.reply(replace(read, cache=None), passages, max_tokens=8) == first


@pytest.mark.parametrize("pooling", ["mean", "last"])
def test_a_batch_is_read_as_one_by_one(folder: Path, pooling: str) -> None:
    speaker = trunk(folder, 3, pooling)
    alone = np.stack([speaker.read(said).vector for said in SAID])
    together = trunk_vectors(load_base(folder), load_tokenizer(folder), SAID, only=[(3, pooling)])[3, pooling]
    assert np.allclose(alone, together, atol=1e-5)
    assert np.allclose(np.linalg.norm(alone, axis=1), 1, atol=1e-5)


def test_the_better_reader_serves_and_the_encoder_wins_a_tie(folder: Path) -> None:
    said = {
        "delivery": "how long does delivery take",
        "cost": "what does gift wrapping cost",
        "return": "can i return it",
    }
    utterances = [Labelled(f"{text} {extra}".strip(), intent) for intent, text in said.items()
                  for extra in ("", "please", "for pots", "on weekdays", "two", "from saturday")]  # fmt: skip
    model, tokenizer = load_base(folder), load_tokenizer(folder)

    def blind(texts: Any) -> Any:
        return np.tile(np.float32([1, 0]), (len(texts), 1))

    def sees(texts: Any) -> Any:
        return np.eye(3, dtype=np.float32)[
            [next(n for n, t in enumerate(said.values()) if x.startswith(t)) for x in texts]
        ]

    won, head = compare_readers(model, tokenizer, blind, utterances, utterances)
    assert won.serves == "trunk"
    assert won.trunk_test is not None
    assert won.encoder_test is not None
    assert won.trunk_test > 0.9 > won.encoder_test
    speaker = Trunk(model, tokenizer, layer=head.layer, pooling=head.pooling)
    read = speaker.read(said["cost"])
    assert head.labels[int(head.apply(read.vector[None]).argmax())] == "cost"
    assert compare_readers(model, tokenizer, sees, utterances)[0].serves == "encoder"


def test_a_trunk_head_reloads_as_it_was_and_refuses_what_does_not_fit(tmp_path: Path) -> None:
    weight = np.arange(6, dtype=np.float32).reshape(2, 3)
    head = TrunkHead(("a", "b"), weight, np.zeros(2, np.float32), 2, "last")
    for name, data in head.to_bytes().items():
        (tmp_path / name).write_bytes(data)
    again = TrunkHead.read(tmp_path)
    assert (again.labels, again.layer, again.pooling) == (("a", "b"), 2, "last")
    assert np.array_equal(again.weight, weight)
    for name, data in replace(head, labels=("a",)).to_bytes().items():
        (tmp_path / name).write_bytes(data)
    with pytest.raises(HeadError, match="names 1 intents"):
        TrunkHead.read(tmp_path)
