"""Say an utterance again with slips: letters mistyped, words left out or changed about. Never a word of other meaning.

Only spelling and order are touched, so the intent stays; numbers stay as they are, for they are what is asked about.
Texts without spaces between words, as in Chinese, come back as they went in.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

KEYBOARD = ("qwertyuiop", "asdfghjkl", "zxcvbnm")
SHORTEST = 4
"""Letters from which a word can bear a slip and still be known."""


def slipped(text: str, rng: np.random.Generator) -> str:
    """Return the text with one or two slips: in a word's letters, or two words changed about."""
    for _ in range(int(rng.integers(1, 3))):
        text = _SLIPS[int(rng.integers(len(_SLIPS)))](text, rng)
    return text


def without_words(text: str, share: float, rng: np.random.Generator) -> str:
    """Return the text without about `share` of its words; one word at least stays."""
    words = text.split()
    stay = rng.random(len(words)) >= share
    if len(words) < 2 or stay.all():
        return text
    if not stay.any():
        stay[int(rng.integers(len(words)))] = True
    return " ".join(word for word, kept in zip(words, stay, strict=True) if kept)


def augmented(texts: Sequence[str], slips: float, dropped: float, seed: int, epoch: int) -> list[str]:
    """Return the texts as one epoch reads them: a share `slips` with slips, a share `dropped` of the words left out.

    The same for the same seed and epoch; a text's own slips don't depend on the other texts.
    """
    said = []
    for row, text in enumerate(texts):
        rng = np.random.default_rng([seed, epoch, row])
        said.append(without_words(slipped(text, rng) if rng.random() < slips else text, dropped, rng))
    return said


def _in_a_word(change: Callable[[str, np.random.Generator], str]) -> Callable[[str, np.random.Generator], str]:
    def changed(text: str, rng: np.random.Generator) -> str:
        words = text.split(" ")
        able = [place for place, word in enumerate(words) if _bears_a_slip(word)]
        if not able:
            return text
        place = able[int(rng.integers(len(able)))]
        words[place] = change(words[place], rng)
        return " ".join(words)

    return changed


def _bears_a_slip(word: str) -> bool:
    return len(word) >= SHORTEST and word.isascii() and word.isalpha()


def _left_out(word: str, rng: np.random.Generator) -> str:
    at = int(rng.integers(1, len(word)))  # the first letter is rarely missed, and words are known by it
    return word[:at] + word[at + 1 :]


def _doubled(word: str, rng: np.random.Generator) -> str:
    at = int(rng.integers(len(word)))
    return word[:at] + word[at] + word[at:]


def _changed_about(word: str, rng: np.random.Generator) -> str:
    at = int(rng.integers(1, len(word) - 1))
    return word[:at] + word[at + 1] + word[at] + word[at + 2 :]


def _beside(word: str, rng: np.random.Generator) -> str:
    at = int(rng.integers(1, len(word)))
    row = next((row for row in KEYBOARD if word[at].lower() in row), "")
    if not row:
        return word
    key = row.index(word[at].lower()) + (1 if rng.random() < 0.5 else -1)
    return word[:at] + row[max(0, min(key, len(row) - 1))] + word[at + 1 :]


def _words_changed_about(text: str, rng: np.random.Generator) -> str:
    words = text.split(" ")
    if len(words) < 3:
        return text
    at = int(rng.integers(len(words) - 1))
    words[at], words[at + 1] = words[at + 1], words[at]
    return " ".join(words)


_SLIPS = (*map(_in_a_word, (_left_out, _doubled, _changed_about, _beside)), _words_changed_about)
