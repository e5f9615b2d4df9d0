"""From dialogues to a policy that foretells the next action; everything is chosen on training dialogues held out."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from bot.head import softmax
from finetune.dialogue.features import Encoded, Lexicon
from finetune.dialogue.model import NextAction, padded
from finetune.dialogue.reader import FREE, OUTSIDE, Dialogue, Event, Kind, split
from finetune.dialogue.recipe import Recipe
from finetune.encoder.batches import batches
from finetune.errors import BadLabels
from finetune.linear import best_temperature
from finetune.progress import Told
from retrieval.encoder import Encoder

Array = NDArray[np.float32]
READ_TOGETHER = 64


@dataclass(frozen=True)
class Policy:
    """What was learnt; nothing is chosen after this.

    thresholds: for each name in `OUTSIDE`, the probability from which that is what is foretold, chosen for the best F1
    on the dialogues held out; a name that training has no action for is missing.
    """

    lexicon: Lexicon
    net: NextAction
    temperature: float
    thresholds: Mapping[str, float]
    epochs: int
    held_out_accuracy: float
    seconds: float

    @property
    def labels(self) -> tuple[str, ...]:
        """The actions, in the order of the probabilities' columns."""
        return self.lexicon.labels

    def probabilities(self, dialogues: Sequence[Dialogue], encoder: Encoder) -> Array:
        """Return float32 (N, C), calibrated: a row for each time an agent acted, dialogue after dialogue."""
        encoded, table = self.lexicon.encode(dialogues, encoder)
        return softmax(logits_of(self.net, encoded, torch.from_numpy(table)) / self.temperature)

    def outside(self, name: str, probabilities: Array) -> Array:
        """Return float32 (N,): the probability of the actions that `OUTSIDE` has under the name."""
        return outside(self.labels, name, probabilities)

    def rank(self, so_far: Sequence[Event], encoder: Encoder) -> list[tuple[str, float]]:
        """Return the actions with their probabilities, best first, for a conversation in which the agent acts next."""
        open_end = Dialogue("", (*so_far, Event(Kind.REPLY, "", FREE)))
        row = self.probabilities([open_end], encoder)[-1]
        return [(self.labels[number], float(row[number])) for number in np.argsort(-row, kind="stable")]


def learn_dialogue(
    dialogues: Sequence[Dialogue], encoder: Encoder, recipe: Recipe | None = None, told: Told | None = None
) -> Policy:
    """Learn from all but a share of the dialogues; on that share choose epochs, temperature and threshold.

    Equal arguments give equal weights. Raises BadLabels where there are fewer than two dialogues or actions.
    """
    started = time.perf_counter()
    recipe = recipe or Recipe()
    kept, held = split(dialogues, recipe.held_out, recipe.seed)
    lexicon = Lexicon.of(kept)
    if len(lexicon.labels) < 2:
        raise BadLabels(f"agents only ever take the action {lexicon.labels[0]!r}; there is nothing to foretell")
    everything, rows = lexicon.encode([*kept, *held], encoder)
    table = torch.from_numpy(rows)
    learnt, judged = everything[: len(kept)], everything[len(kept) :]
    net, epochs = _fit(lexicon, learnt, judged, table, recipe, told)
    logits, gold = logits_of(net, judged, table), targets_of(judged)
    known = gold >= 0
    temperature = best_temperature(logits[known], gold[known]) if known.any() else 1.0
    thresholds = _thresholds(lexicon.labels, softmax(logits / temperature), held)
    accuracy = float((logits.argmax(1) == gold).mean())
    return Policy(lexicon, net, temperature, thresholds, epochs, accuracy, time.perf_counter() - started)


def _fit(
    lexicon: Lexicon,
    learnt: Sequence[Encoded],
    judged: Sequence[Encoded],
    table: Tensor,
    recipe: Recipe,
    told: Told | None,
) -> tuple[NextAction, int]:
    """Return the net as its best epoch left it, and how many epochs that took."""
    torch.manual_seed(recipe.seed)
    net = NextAction(int(table.shape[1]), len(lexicon.words), len(lexicon.labels), recipe)
    optimizer = torch.optim.AdamW(net.parameters(), recipe.learning_rate, weight_decay=recipe.weight_decay, fused=True)
    lengths = [len(dialogue.kinds) for dialogue in learnt]
    steps = recipe.epochs * -(-len(learnt) // recipe.batch)
    falling = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: max(0.05, 1 - step / steps))
    losses: list[float] = []
    best: dict[str, Tensor] = {}
    started = time.monotonic()
    for epoch in range(recipe.epochs):
        net.train()
        for chosen in batches(lengths, recipe.batch, recipe.seed, epoch):
            loss = _loss(net, [learnt[row] for row in chosen], table)
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            nn.utils.clip_grad_norm_(net.parameters(), recipe.clip)
            optimizer.step()
            falling.step()
        losses.append(_unlikeliness(net, judged, table))
        if losses[-1] <= min(losses):
            best = {name: value.clone() for name, value in net.state_dict().items()}
        if told:
            told(epoch + 1, recipe.epochs, (time.monotonic() - started) / (epoch + 1) * (recipe.epochs - epoch - 1))
        if len(losses) - 1 - int(np.argmin(losses)) >= recipe.patience:
            break
    net.load_state_dict(best)
    net.eval()
    return net, int(np.argmin(losses)) + 1


def _loss(net: NextAction, dialogues: Sequence[Encoded], table: Tensor) -> Tensor:
    logits = net(dialogues, table)
    gold = padded([dialogue.targets for dialogue in dialogues], logits.shape[1], filling=-1).clamp(min=-1)
    return functional.cross_entropy(logits.flatten(0, 1), gold.flatten(), ignore_index=-1)


def _unlikeliness(net: NextAction, dialogues: Sequence[Encoded], table: Tensor) -> float:
    """The mean of -log p over the actions that training holds."""
    logits, gold = logits_of(net, dialogues, table), targets_of(dialogues)
    known = gold >= 0
    if not known.any():
        return 0.0
    return float(functional.cross_entropy(torch.from_numpy(logits[known]), torch.from_numpy(gold[known])))


def logits_of(net: NextAction, dialogues: Sequence[Encoded], table: Tensor) -> Array:
    """Return float32 (N, C): a row for each time an agent acted, dialogue after dialogue."""
    was, found = net.training, []
    net.eval()
    with torch.inference_mode():
        for start in range(0, len(dialogues), READ_TOGETHER):
            some = dialogues[start : start + READ_TOGETHER]
            logits = net(some, table).numpy()
            found += [logits[row, np.flatnonzero(dialogue.targets != -1)] for row, dialogue in enumerate(some)]
    net.train(was)
    return np.concatenate(found)


def targets_of(dialogues: Sequence[Encoded]) -> NDArray[np.int64]:
    """Return int64 (N,): the label's number for each time an agent acted, below 0 where training lacks the action."""
    return np.concatenate([dialogue.targets[dialogue.targets != -1] for dialogue in dialogues])


def outside(labels: Sequence[str], name: str, probabilities: Array) -> Array:
    """Return float32 (N,): what the actions that `OUTSIDE` has under the name have together."""
    columns = [number for number, label in enumerate(labels) if label in OUTSIDE[name]]
    return np.asarray(probabilities[:, columns].sum(axis=1), np.float32)


def _thresholds(labels: Sequence[str], probabilities: Array, held: Sequence[Dialogue]) -> dict[str, float]:
    actions = [action for dialogue in held for action in dialogue.actions]
    return {
        name: best_threshold(
            outside(labels, name, probabilities), np.asarray([action in covered for action in actions])
        )
        for name, covered in OUTSIDE.items()
        if covered & set(labels)
    }


def best_threshold(scores: Array, positive: NDArray[np.bool_]) -> float:
    """Return the threshold with the best F1, or one above every probability where nothing is positive."""
    from sklearn.metrics import precision_recall_curve

    if not positive.any():
        return 2.0
    precision, recall, thresholds = precision_recall_curve(positive, scores)
    f1 = 2 * precision * recall / np.maximum(precision + recall, 1e-9)
    return float(thresholds[int(np.argmax(f1[:-1]))])
