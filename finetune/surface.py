"""Linear models over what an utterance looks like: its words and runs of characters."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from bot.surface import Surface, Vocabulary

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix  # type: ignore[import-untyped]


def matrix(read: Sequence[Surface], words: Vocabulary, characters: Vocabulary) -> csr_matrix:
    """Return (N, V + U): TF-IDF of words, then of characters, each part of unit length."""
    from scipy.sparse import csr_matrix

    columns, values, ends = [], [], [0]
    for surface in read:
        for vocabulary, counts, offset in (
            (words, surface.words, 0),
            (characters, surface.characters, len(words.keys)),
        ):
            places, weights = vocabulary.weigh(counts)
            columns.append(places + offset)
            values.append(weights)
        ends.append(ends[-1] + len(columns[-1]) + len(columns[-2]))
    shape = (len(read), len(words.keys) + len(characters.keys))
    return csr_matrix((np.concatenate(values), np.concatenate(columns), ends), shape=shape)


def vocabularies(read: Sequence[Surface]) -> tuple[Vocabulary, Vocabulary]:
    """Return what is counted of words and of characters: what two utterances have at least."""
    return Vocabulary.learn([one.words for one in read]), Vocabulary.learn([one.characters for one in read])
