"""An intent head over the language model's hidden states, and whether it or the sentence encoder should serve."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bot.head import Array
from bot.prompts import MAX_QUESTION_CHARS, words_only
from bot.trunk import TrunkHead, around_words
from finetune.errors import BadLabels
from finetune.labelled import Labelled
from finetune.linear import regression

POOLINGS = ("mean", "last")
DEPTHS = (0.25, 0.5, 0.75, 1.0)
"""Of the model's layers, which are tried: what tells intents apart is seldom at the top, where the next word is."""
STRENGTHS = (3.0, 10.0, 30.0)
FOLDS = 3
READ_TOGETHER = 16
Read = Callable[[Sequence[str]], Array]
"""Texts to unit vectors (N, D)."""
Fit = Callable[[Array, NDArray[np.int64], float], tuple[Array, Array]]
"""Vectors (N, D), their intents and a strength to weight (C, D) and bias (C,)."""


@dataclass(frozen=True, slots=True)
class Choice:
    """A head's cross-validated accuracy on the utterances it learns from, and what was chosen by it."""

    accuracy: float
    strength: float
    layer: int = 0
    pooling: str = ""


@dataclass(frozen=True, slots=True)
class Comparison:
    """Both readers on the same utterances; `serves` is "encoder" or "trunk", by cross-validated accuracy alone."""

    encoder: Choice
    trunk: Choice
    serves: str
    encoder_test: float | None = None
    trunk_test: float | None = None

    def as_dict(self) -> dict[str, Any]:
        """The report as JSON."""
        return asdict(self)


def compare_readers(
    model: Any,
    tokenizer: Any,
    encode: Read,
    utterances: Sequence[Labelled],
    test: Sequence[Labelled] = (),
    *,
    seed: int = 13,
) -> tuple[Comparison, TrunkHead]:
    """Fit both heads, say which should serve, and measure both on `test`, which nothing is chosen on.

    The trunk has to be better, not as good: the encoder is needed for search in any case. Raises BadLabels if an intent
    has fewer than two utterances.
    """
    labels = tuple(sorted({utterance.intent for utterance in utterances}))
    gold = np.asarray([labels.index(utterance.intent) for utterance in utterances], dtype=np.int64)
    if len(labels) < 2 or np.bincount(gold).min() < 2:
        raise BadLabels(f"{len(labels)} intents, one with a single utterance; at least two of each of two are needed")
    texts = [utterance.text for utterance in utterances]
    vectors = encode(texts)
    by_encoder = _strongest(vectors, gold, seed, regression)
    states = trunk_vectors(model, tokenizer, texts)
    layer, pooling = max(states, key=lambda key: _validated(states[key], gold, STRENGTHS[1], seed, spread_regression))
    chosen = states[layer, pooling]
    by_trunk = replace(_strongest(chosen, gold, seed, spread_regression), layer=layer, pooling=pooling)
    head = TrunkHead(labels, *spread_regression(chosen, gold, by_trunk.strength), layer, pooling)
    serves = "trunk" if by_trunk.accuracy > by_encoder.accuracy else "encoder"
    if not test:
        return Comparison(by_encoder, by_trunk, serves), head
    asked, right = [utterance.text for utterance in test], [utterance.intent for utterance in test]
    weight, bias = regression(vectors, gold, by_encoder.strength)
    of_trunk = trunk_vectors(model, tokenizer, asked, only=[(head.layer, head.pooling)])[head.layer, head.pooling]
    return (
        Comparison(
            by_encoder, by_trunk, serves,
            encoder_test=_right(encode(asked) @ weight.T + bias, labels, right),
            trunk_test=_right(head.apply(of_trunk), labels, right),
        ),
        head,
    )  # fmt: skip


def trunk_vectors(
    model: Any, tokenizer: Any, texts: Sequence[str], *, only: Sequence[tuple[int, str]] = ()
) -> dict[tuple[int, str], Array]:
    """Return unit vectors (N, D) by layer and pooling, of the customer's words where they stand in the prompt.

    Batches give what `bot.trunk.Trunk` gives one by one; the beginning all prompts share is read once.
    """
    import torch

    layers = int(model.config.num_hidden_layers)
    wanted = list(only) or [(max(1, round(depth * layers)), pooling) for depth in DEPTHS for pooling in POOLINGS]
    wanted = list(dict.fromkeys(wanted))
    device = next(model.parameters()).device
    words = [_ids(tokenizer, words_only(text[:MAX_QUESTION_CHARS])) or _ids(tokenizer, "?") for text in texts]
    beginning = torch.tensor([_ids(tokenizer, around_words(tokenizer, [])[0])], device=device)
    order = sorted(range(len(words)), key=lambda row: len(words[row]))
    found = {key: np.zeros((len(texts), int(model.config.hidden_size)), np.float32) for key in wanted}
    with torch.inference_mode():
        for start in range(0, len(order), READ_TOGETHER):
            rows = order[start : start + READ_TOGETHER]
            cache = model(input_ids=beginning, use_cache=True, logits_to_keep=1).past_key_values
            cache.batch_repeat_interleave(len(rows))
            width, before = max(len(words[row]) for row in rows), beginning.shape[1]
            ids = torch.full((len(rows), width), int(tokenizer.eos_token_id), device=device)
            mask = torch.zeros((len(rows), before + width), dtype=torch.long, device=device)
            mask[:, :before] = 1
            for place, row in enumerate(rows):
                ids[place, : len(words[row])] = torch.tensor(words[row])
                mask[place, before : before + len(words[row])] = 1
            states = model(
                input_ids=ids, attention_mask=mask, past_key_values=cache, use_cache=True, output_hidden_states=True,
                position_ids=(mask.cumsum(1) - 1)[:, before:], logits_to_keep=1,
            ).hidden_states  # fmt: skip
            for layer, pooling in wanted:
                for place, row in enumerate(rows):
                    own = states[layer][place, : len(words[row])].float()
                    pooled = own.mean(0) if pooling == "mean" else own[-1]
                    found[layer, pooling][row] = (pooled / pooled.norm()).cpu().numpy()
    return found


def spread_regression(vectors: Array, gold: NDArray[np.int64], strength: float) -> tuple[Array, Array]:
    """Return weight and bias of a regression over coordinates brought to equal spread, for the vectors as they are.

    A language model's hidden states point nearly all the same way, a few coordinates outweighing the rest.
    """
    middle, spread = vectors.mean(0), np.maximum(vectors.std(0), 1e-8) * np.sqrt(vectors.shape[1])
    weight, bias = regression(((vectors - middle) / spread).astype(np.float32), gold, strength)
    weight = weight / spread
    return weight.astype(np.float32), (bias - weight @ middle).astype(np.float32)


def _strongest(vectors: Array, gold: NDArray[np.int64], seed: int, fit: Fit) -> Choice:
    tried = (Choice(_validated(vectors, gold, strength, seed, fit), strength) for strength in STRENGTHS)
    return max(tried, key=lambda choice: choice.accuracy)


def _validated(vectors: Array, gold: NDArray[np.int64], strength: float, seed: int, fit: Fit) -> float:
    """Accuracy over folds that leave each utterance out once."""
    from sklearn.model_selection import StratifiedKFold

    folds = min(FOLDS, int(np.bincount(gold).min()))
    right = 0
    for learnt, out in StratifiedKFold(folds, shuffle=True, random_state=seed).split(vectors, gold):
        weight, bias = fit(vectors[learnt], gold[learnt], strength)
        right += int(((vectors[out] @ weight.T + bias).argmax(1) == gold[out]).sum())
    return right / len(gold)


def _right(scores: Array, labels: Sequence[str], gold: Sequence[str]) -> float:
    return float(np.mean([labels[place] == name for place, name in zip(scores.argmax(1), gold, strict=True)]))


def _ids(tokenizer: Any, text: str) -> list[int]:
    ids: list[int] = tokenizer(text, add_special_tokens=False)["input_ids"]
    return ids
