"""The response model learns the agent's words from passages that support them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from tiny_speaker import make_tiny_speaker

from bot.errors import ModelError
from bot.prompts import DONT_KNOW, draft_prompt
from finetune.errors import BadRecipe
from finetune.response.adapters import load_base, load_tokenizer, with_adapter
from finetune.response.examples import Example, examples_of, split
from finetune.response.loop import Learnt, learn, loss_of, steps_of
from finetune.response.loss import Speaker
from finetune.response.measure import Written, perplexity, shares_of, write_replies
from finetune.response.recipe import METHODS, ResponseRecipe
from finetune.response.saved import load_adapter, save_adapter
from finetune.response.tokens import IGNORED, Row, batch_of, plain_rows, prompt_ids, row_of
from retrieval.exchanges import Exchange
from retrieval.types import Hit, Passage, PassageKind

PAD = 2
RECIPE = ResponseRecipe(epochs=4, batch=3, learning_rate=1e-2, patience=9, dropout=0.1)
DELIVERY = Example("how long does delivery take?", ("Delivery takes two days.",), "It takes two days.", "a")
RETURNS = Example("returns cost?", ("Returns are free within 30 days.", "Pots cost 9."), "Returns are free.", "b")
SEEDS = Example("can I return seeds", ("Seeds cost 3 euro for each item.",), DONT_KNOW, "c")
EXAMPLES = (DELIVERY, RETURNS, SEEDS, replace(DELIVERY, question="when does the parcel close"), RETURNS)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_tiny_speaker(tmp_path_factory.mktemp("weights") / "speaker")


@pytest.fixture(scope="module")
def tokenizer(folder: Path) -> Any:
    return load_tokenizer(folder)


@pytest.fixture(scope="module")
def rows(tokenizer: Any) -> list[Row]:
    return [row_of(tokenizer, example) for example in EXAMPLES]


def learning(model: Any) -> dict[str, torch.Tensor]:
    return {name: part.detach().clone() for name, part in model.named_parameters() if part.requires_grad}


def test_a_row_is_the_prompt_as_served_and_then_the_reply_with_its_end(tokenizer: Any) -> None:
    row = row_of(tokenizer, DELIVERY)
    assert list(row.ids[: row.start]) == prompt_ids(tokenizer, draft_prompt(DELIVERY.question, DELIVERY.passages))
    assert tokenizer.decode(row.ids[row.start :]) == "it takes two days . <|end|>"


@pytest.mark.parametrize("share", [False, True])
def test_only_the_agents_words_are_learnt(rows: list[Row], share: bool) -> None:
    batch = batch_of(rows, PAD, share_prefix=share)
    shared = len(batch.prefix)
    assert (shared > 0) == share
    for number, row in enumerate(rows):
        learnt = [(place, int(label)) for place, label in enumerate(batch.labels[number]) if label != IGNORED]
        assert learnt == [(place - shared, row.ids[place]) for place in range(row.start, len(row.ids))]
        assert int(batch.mask[number].sum()) == len(row.ids) - shared
    assert batch.counted == sum(len(row.ids) - row.start for row in rows)


def test_a_shared_beginning_changes_neither_the_loss_nor_its_gradients(folder: Path, rows: list[Row]) -> None:
    found = []
    for share in (False, True):
        model = with_adapter(load_base(folder), replace(RECIPE, dropout=0.0), 10)
        loss = Speaker(model)(batch_of(rows, PAD, share_prefix=share))
        loss.backward()
        found.append((loss.detach(), [part.grad for part in model.parameters() if part.requires_grad]))
    (whole, gradients), (shared, others) = found
    assert torch.allclose(whole, shared, rtol=1e-5)
    assert any(gradient.abs().max() > 0 for gradient in gradients)
    assert all(torch.allclose(one, other, atol=1e-4) for one, other in zip(gradients, others, strict=True))


def test_the_loss_of_a_batch_is_that_of_its_rows_one_by_one(folder: Path, rows: list[Row]) -> None:
    model = load_base(folder)
    speaker = Speaker(model)
    expected = 0.0
    for row in rows:
        logits = model(torch.tensor([row.ids])).logits[0].log_softmax(-1)
        expected -= sum(float(logits[place - 1, row.ids[place]]) for place in range(row.start, len(row.ids)))
    assert float(speaker(batch_of(rows, PAD, share_prefix=True))) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("method", METHODS)
def test_each_method_learns_and_moves_nothing_of_the_base(method: str, folder: Path, rows: list[Row]) -> None:
    recipe = replace(RECIPE, method=method, epochs=6)
    model = with_adapter(load_base(folder), recipe, steps_of(rows, recipe))
    before = {name: part.detach().clone() for name, part in model.named_parameters() if not part.requires_grad}
    assert len(before) >= len(load_base(folder).state_dict()) - 1  # the output shares the embeddings' matrix
    found = learn(model, rows, recipe, pad=PAD, held_out=rows)
    assert min(found.losses[1:]) < found.losses[0] - 1e-3
    after = dict(model.named_parameters())
    assert all(torch.equal(part, after[name]) for name, part in before.items())


@pytest.mark.parametrize("method", ["lora", "adalora", "prefix"])
@pytest.mark.parametrize("killed_after", [1, 5])
def test_a_killed_run_goes_on_to_the_same_bits(
    method: str, killed_after: int, folder: Path, rows: list[Row], tmp_path: Path
) -> None:
    recipe = replace(RECIPE, method=method, batch=2, rank=2)

    def model() -> Any:
        return with_adapter(load_base(folder), recipe, steps_of(rows, recipe))

    straight, killed, resumed = model(), model(), model()
    learn(straight, rows, recipe, pad=PAD, held_out=rows[:2])
    stopped = learn(killed, rows, recipe, pad=PAD, held_out=rows[:2], checkpoint=tmp_path, most_steps=killed_after)
    assert stopped.steps == killed_after
    told: list[int] = []
    learn(
        resumed, rows, recipe, pad=PAD, held_out=rows[:2], checkpoint=tmp_path,
        told=lambda done, _, __: told.append(done),
    )  # fmt: skip
    assert told[0] == killed_after + 1
    one, other = learning(straight), learning(resumed)
    assert all(torch.equal(value, other[name]) for name, value in one.items())


def test_a_checkpoint_of_another_recipe_is_not_gone_on_from(folder: Path, rows: list[Row], tmp_path: Path) -> None:
    first = with_adapter(load_base(folder), RECIPE, 8)
    learn(first, rows, RECIPE, pad=PAD, checkpoint=tmp_path, most_steps=2)
    told: list[int] = []
    other = replace(RECIPE, learning_rate=5e-3)
    learn(
        with_adapter(load_base(folder), other, 8), rows, other, pad=PAD, checkpoint=tmp_path, most_steps=1,
        told=lambda done, _, __: told.append(done),
    )  # fmt: skip
    assert told == [1]


def test_two_batches_in_one_step_move_as_one_twice_as_large(folder: Path, rows: list[Row]) -> None:
    def learnt(batch: int, accumulation: int) -> torch.Tensor:
        recipe = replace(RECIPE, batch=batch, accumulation=accumulation, dropout=0.0, epochs=1)
        model = with_adapter(load_base(folder), recipe, 1)
        learn(model, rows[:4], recipe, pad=PAD)
        return torch.cat([value.flatten() for name, value in learning(model).items() if "lora_B" in name])

    at_once, in_two, in_four = learnt(4, 1), learnt(2, 2), learnt(1, 4)
    # AdamW's first step is the gradient's sign: where it is all but zero the last bits decide.
    assert (at_once.abs() > 1e-3).float().mean() > 0.9
    assert ((at_once - in_two).abs() > 1e-4).float().mean() < 0.02
    assert ((at_once - in_four).abs() > 1e-4).float().mean() < 0.02


def test_the_weights_of_the_best_epoch_are_kept(folder: Path, rows: list[Row]) -> None:
    recipe = replace(RECIPE, learning_rate=0.5, epochs=5, patience=2)
    model = with_adapter(load_base(folder), recipe, steps_of(rows, recipe))
    found = learn(model, rows[:3], recipe, pad=PAD, held_out=rows[3:])
    assert len(found.losses) - 1 - found.best_epoch <= recipe.patience
    assert loss_of(Speaker(model), rows[3:], recipe, PAD) == pytest.approx(min(found.losses), abs=1e-5)


@pytest.mark.parametrize("eight_bit", [False, True])
def test_beside_a_base_of_few_bits_the_adapter_keeps_full_precision(
    eight_bit: bool, folder: Path, rows: list[Row]
) -> None:
    recipe = replace(RECIPE, epochs=6)
    base = load_base(folder, device="cpu", eight_bit=eight_bit, dtype="bfloat16")
    model = with_adapter(base, recipe, steps_of(rows, recipe))
    found = learn(model, rows, recipe, pad=PAD, held_out=rows)
    assert {value.dtype for value in learning(model).values()} == {torch.float32}
    assert min(found.losses[1:]) < found.losses[0] - 1e-2


def test_frozen_layers_get_no_adapter(folder: Path) -> None:
    model = with_adapter(load_base(folder), replace(RECIPE, frozen_layers=1), 1)
    assert learning(model)
    assert all("layers.1." in name for name in learning(model))


@pytest.mark.parametrize("method", METHODS)
def test_a_saved_adapter_says_the_same_once_reloaded(
    method: str, folder: Path, rows: list[Row], tmp_path: Path
) -> None:
    recipe = replace(RECIPE, method=method, epochs=1)
    model = with_adapter(load_base(folder), recipe, steps_of(rows, recipe))
    learn(model, rows, recipe, pad=PAD)
    save_adapter(model, tmp_path / "response", base=folder, base_name="tiny")
    assert {path.name for path in (tmp_path / "response").iterdir()} == {
        "adapter_model.safetensors", "adapter_config.json", "base.json",
    }  # fmt: skip
    assert str(tmp_path) not in (tmp_path / "response" / "adapter_config.json").read_text()
    again = load_adapter(load_base(folder), tmp_path / "response", folder)
    expected = loss_of(Speaker(model, positions=method != "prefix"), rows, recipe, PAD)
    assert loss_of(Speaker(again, positions=method != "prefix"), rows, recipe, PAD) == pytest.approx(expected, abs=1e-5)


def test_an_adapter_is_not_put_on_another_base(folder: Path, rows: list[Row], tmp_path: Path) -> None:
    other = make_tiny_speaker(tmp_path / "other", layers=1)
    save_adapter(with_adapter(load_base(folder), RECIPE, 1), tmp_path / "response", base=folder, base_name="tiny")
    with pytest.raises(ModelError, match="was tuned on 'tiny'"):
        load_adapter(load_base(other), tmp_path / "response", other)


def test_plain_text_is_learnt_from_its_second_token_on(tokenizer: Any) -> None:
    found = plain_rows(tokenizer, ["delivery takes two days", "pots cost 3 euro"], 6)
    assert [row.start for row in found] == [1, 1]
    assert sum(len(row.ids) for row in found) == 10


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"method": "full"}, "method is 'full'; it can be one of lora"),
        ({"rank": 0}, "rank is 0; it should be above 0"),
        ({"dropout": 1.0}, "dropout is 1.0; it is a share"),
        ({"ranks": 4}, "'ranks' is no field"),
        ({"epochs": 1.5}, "epochs is 1.5; it should be a whole number"),
        ({"checkpointing": 1}, "checkpointing is 1; it should be true or false"),
        ({"prune_layers": -1}, "prune_layers is -1; it should be at least 0"),
    ],
)
def test_a_recipe_says_what_it_would_have_taken(changes: dict[str, Any], sentence: str) -> None:
    with pytest.raises(BadRecipe, match=rf"\[finetune\] response: {sentence}"):
        ResponseRecipe().altered(changes, "[finetune] response")


# Examples


def hit(number: int, text: str, kind: PassageKind = PassageKind.ARTICLE, customers: int = 0) -> Hit:
    return Hit(Passage(number, kind, "", text, "", f"{number}.md", "en", customers), 0.5, None, 0.1, number)


def exchange(question: str, answer: str, source: str = "t#1", number: int = 1, language: str = "en") -> Exchange:
    return Exchange(number, 1, source, False, "", question, answer, language, True)


PAYING = hit(1, "You can pay with Visa, PayPal or bank transfer. Gift cards are accepted too.")
POTS = hit(2, "Terracotta pots are fired twice and survive frost down to ten degrees.")
HOLD = hit(3, "Tender plants wait in the glasshouse until the frost is over.")


def found(*hits: Hit) -> Any:
    def find(questions: Sequence[str]) -> Sequence[Sequence[Hit]]:
        return [hits for _ in questions]

    return find


def test_only_what_the_passages_support_is_learnt() -> None:
    said = "You can pay with Visa, PayPal or bank transfer. I have moved your order to Friday for you."
    (example,) = examples_of([exchange("how can I pay for my order", said)], found(PAYING, POTS), unknown_share=0)
    assert example.reply == "You can pay with Visa, PayPal or bank transfer."
    assert example.passages == (PAYING.passage.text, POTS.passage.text)


def test_an_exchange_without_a_supported_reply_is_dropped() -> None:
    invented = exchange("can I pay with bitcoin here", "Bitcoin is welcome on Mondays, at a discount of 12 percent.")
    assert examples_of([invented], found(PAYING, POTS), unknown_share=0) == []


def test_the_passage_that_answers_is_put_among_those_that_are_read() -> None:
    asked = exchange("how can I pay for my order", "You can pay with Visa, PayPal or bank transfer.")
    (example,) = examples_of([asked], found(POTS, HOLD, PAYING), unknown_share=0)
    assert example.passages == (POTS.passage.text, PAYING.passage.text)


def test_an_answer_does_not_support_itself() -> None:
    said = "The moss garden opens again on the first of April at nine."
    itself = hit(4, said, PassageKind.CARD, customers=1)
    assert examples_of([exchange("when does the garden open", said)], found(itself, POTS), unknown_share=0) == []


def test_equal_exchanges_are_learnt_once() -> None:
    asked = exchange("how can I pay for my order", "You can pay with Visa, PayPal or bank transfer.")
    assert len(examples_of([asked, asked], found(PAYING), unknown_share=0)) == 1


def test_what_nothing_answers_is_told_as_such() -> None:
    said = "You can pay with Visa, PayPal or bank transfer."
    asked = [exchange(f"how can I pay for order {n} please", said, f"t#{n}", n) for n in range(8)]
    learnt = examples_of(asked, found(PAYING, POTS, HOLD), unknown_share=0.5)
    unknown = [example for example in learnt if not example.answered]
    assert len(unknown) == 8
    assert all(PAYING.passage.text not in example.passages for example in unknown)
    assert all(example.reply == DONT_KNOW for example in unknown)


def test_a_conversation_falls_on_one_side_of_the_split() -> None:
    examples = [Example(f"q{n}", ("p",), "r", f"t#{n // 3}") for n in range(300)]
    learnt, out = split(examples, 0.3)
    assert {example.conversation for example in learnt}.isdisjoint(example.conversation for example in out)
    assert 50 <= len(out) <= 130
    assert len(learnt) + len(out) == 300


def test_the_best_epoch_is_the_first_of_the_lowest_loss() -> None:
    assert Learnt(4, [3.0, 2.0, 1.5, 1.5, 2.0]).best_epoch == 2


# Measuring


def test_replies_are_written_for_every_example_and_their_perplexity_is_e_to_the_loss(
    folder: Path, tokenizer: Any, rows: list[Row]
) -> None:
    model = load_base(folder)
    written, shares = write_replies(model, tokenizer, EXAMPLES[:2], max_tokens=5)
    assert [reply.example for reply in written] == list(EXAMPLES[:2])
    assert shares.questions == 2
    assert shares.tokens_per_s > 0
    expected = torch.tensor(loss_of(Speaker(model), rows, RECIPE, PAD)).exp()
    assert perplexity(model, rows, RECIPE, PAD) == pytest.approx(float(expected), rel=1e-5)


def test_what_stays_what_is_given_up_and_what_is_invented_are_counted() -> None:
    def reply(example: Example, text: str, kept: str) -> Written:
        return Written(example, text, kept)

    shares = shares_of(
        [
            reply(DELIVERY, "Delivery takes two days.", "Delivery takes two days."),
            reply(DELIVERY, "Delivery takes two days. It is free.", "Delivery takes two days."),
            reply(RETURNS, "I can't find the answer.", ""),
            reply(SEEDS, DONT_KNOW, ""),
            reply(SEEDS, "Seeds are free.", ""),
        ],
        3.0,
    )
    assert shares.supported == pytest.approx(1 / 3)  # of three that try an answer
    assert shares.sentences_kept == pytest.approx(2 / 4)
    assert shares.answered == pytest.approx(2 / 3)
    assert (shares.knew_not, shares.gave_up) == (0.5, pytest.approx(1 / 3))
