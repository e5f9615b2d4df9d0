"""Dialogues as numbers: every event's kind, action, words and, for what customers say, its sentence vector."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from finetune.dialogue.reader import Dialogue, Kind
from retrieval.encoder import Embeddings, Encoder

SEEN_IN = 3
"""Events that have to hold a word or a pair of words before it counts as known."""
_WORD = re.compile(r"[\u3040-\u30ff\u3400-\u9fff]|[^\W_]+(?:'[^\W_]+)?")  # without spaces, a character is a word


@dataclass(frozen=True)
class Encoded:
    """One dialogue of T events.

    kinds int64 (T,); actions int64 (T,), numbered from 1, 0 for none or one that training lacks; targets int64 (T,),
    the label's number from 0 where the agent acted (-2 for an action that training lacks), else -1; rows int64 (T,),
    rows of the table of sentence vectors, 0 for none; words, T arrays of word numbers.
    """

    kinds: NDArray[np.int64]
    actions: NDArray[np.int64]
    targets: NDArray[np.int64]
    rows: NDArray[np.int64]
    words: tuple[NDArray[np.int64], ...]


@dataclass(frozen=True)
class Lexicon:
    """The actions, in order, and the words that training dialogues hold."""

    labels: tuple[str, ...]
    words: Mapping[str, int]

    @classmethod
    def of(cls, dialogues: Sequence[Dialogue]) -> Lexicon:
        """Gather them; labels by name, words and pairs of words by frequency."""
        counts = Counter(word for dialogue in dialogues for event in dialogue.events for word in words_in(event.text))
        known = [word for word, count in counts.most_common() if count >= SEEN_IN]
        labels = tuple(sorted({action for dialogue in dialogues for action in dialogue.actions}))
        return cls(labels, {word: number for number, word in enumerate(known)})

    def encode(self, dialogues: Sequence[Dialogue], encoder: Encoder) -> tuple[list[Encoded], Embeddings]:
        """Return the dialogues and the table of sentence vectors float32 (1 + N, D) that they point into.

        Row 0 is all zeros. Only customers' words are encoded: what agents write is mostly told by the action.
        """
        said = dict.fromkeys(
            event.text for dialogue in dialogues for event in dialogue.events if event.kind is Kind.USER
        )
        rows = {text: number for number, text in enumerate(said, start=1)}
        table = np.vstack([np.zeros((1, encoder.width), np.float32), encoder.encode(list(rows))])
        numbers = {label: number for number, label in enumerate(self.labels)}
        return [self._one(dialogue, rows, numbers) for dialogue in dialogues], table

    def _one(self, dialogue: Dialogue, rows: Mapping[str, int], numbers: Mapping[str, int]) -> Encoded:
        events = dialogue.events
        return Encoded(
            kinds=np.asarray([event.kind for event in events], np.int64),
            actions=np.asarray([numbers.get(event.action, -1) + 1 for event in events], np.int64),
            targets=np.asarray([numbers.get(event.action, -2) if event.action else -1 for event in events], np.int64),
            rows=np.asarray([rows[event.text] if event.kind is Kind.USER else 0 for event in events], np.int64),
            words=tuple(
                np.asarray([self.words[word] for word in words_in(event.text) if word in self.words], np.int64)
                for event in events
            ),
        )


def words_in(text: str) -> set[str]:
    """Return the words and pairs of neighbouring words of a text; a digit counts as 0, so that 4711 reads 0000."""
    words = _WORD.findall(re.sub(r"\d", "0", text.lower().replace("\u2019", "'")))
    return {*words, *(f"{first} {second}" for first, second in pairwise(words))}
