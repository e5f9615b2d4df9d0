"""Sentences whose entities a tiny model can learn: capitals are names, words of two shops are products."""

from __future__ import annotations

import numpy as np

from finetune.entities.conll import Sentence

NAMES = ("Ada", "Bruno", "Femke", "Idris", "Mette", "Zofia", "Tariq", "Oona")
FILLER = ("where", "is", "my", "order", "the", "parcel", "late", "please", "a")
PRODUCTS = ("track", "money back")


def sentences(count: int, seed: int = 3) -> list[Sentence]:
    """Return so many sentences, the same for the same seed."""
    rng = np.random.default_rng(seed)
    return [_sentence(rng) for _ in range(count)]


def _sentence(rng: np.random.Generator) -> Sentence:
    words, tags = ["where"], ["O"]
    for _ in range(int(rng.integers(2, 5))):
        draw = rng.random()
        if draw < 0.3:
            said, kind = [str(rng.choice(NAMES)) for _ in range(int(rng.integers(1, 3)))], "PERSON"
        elif draw < 0.5:
            said, kind = str(rng.choice(PRODUCTS)).split(), "PRODUCT"
        else:
            said, kind = [str(rng.choice(FILLER))], ""
        words += said
        tags += [f"{'I' if place else 'B'}-{kind}" if kind else "O" for place in range(len(said))]
        if kind:  # two of a kind side by side could not be told apart
            words.append(str(rng.choice(FILLER)))
            tags.append("O")
    return Sentence(tuple(words), tuple(tags))
