"""Find entities in a text by what an encoder made of its tokens and by what its words look like; numpy only.

A window over three words, one hidden layer, and a linear-chain CRF (Lafferty et al. 2001) over IOB2 tags, of which only
valid sequences come out. `finetune` learns it; it rides on the forward pass that a turn makes anyway.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from retrieval.encoder import Embeddings, TokenEncoder
from retrieval.errors import TaggerError
from retrieval.word_shapes import TABLES, Shapes, Word, shapes_of, words_of

FILE = "entities.safetensors"
FORMAT = 1
NEVER = -1e4
Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Mention:
    """An entity: `text[start:end]` is of this kind, by this probability of all its words' tags being right."""

    kind: str
    start: int
    end: int
    probability: float


@dataclass(frozen=True)
class Tagger:
    """What is learnt. U: the width of a state and all shapes; H: hidden; K: tags.

    tables: for each of word_shapes.TABLES float32 (rows, width). window (3U, H) reads the word before, the word, and
    the word after; out (H, K). moves (K, K): from tag to tag; first (K,) and last (K,). Tags are IOB2, "O" among them.
    """

    tags: tuple[str, ...]
    tables: tuple[Floats, ...]
    window: Floats
    window_bias: Floats
    out: Floats
    out_bias: Floats
    moves: Floats
    first: Floats
    last: Floats

    def __post_init__(self) -> None:
        """Refuse parts that do not fit together."""
        count, hidden = len(self.tags), len(self.window_bias)
        seen = sum(table.shape[1] for table in self.tables)
        fit = (
            [len(table) for table in self.tables] == list(TABLES.values())
            and self.window.shape[1] == hidden
            and self.window.shape[0] % 3 == 0
            and self.width > 0
            and self.window.shape[0] == 3 * (self.width + seen)
            and self.out.shape == (hidden, count)
            and self.moves.shape == (count, count)
            and self.out_bias.shape == self.first.shape == self.last.shape == (count,)
        )
        parts = [*self.tables, *(getattr(self, field.name) for field in fields(self)[2:])]
        if not fit or not all(np.isfinite(part).all() for part in parts):
            raise TaggerError(f"{FILE} does not fit together; run `nightdesk train` again")

    @property
    def width(self) -> int:
        """D, the width of the states it reads."""
        return int(self.window.shape[0] // 3 - sum(table.shape[1] for table in self.tables))

    @property
    def kinds(self) -> tuple[str, ...]:
        """The kinds of entities it knows."""
        return tuple(sorted({tag[2:] for tag in self.tags if tag != "O"}))

    def scores(self, states: Embeddings, shapes: Shapes) -> Floats:
        """Return (W, K): what speaks for each tag of each word. states (W, D), shapes (W, F)."""
        looks = [table[shapes[:, place]] for place, table in enumerate(self.tables)]
        seen = np.concatenate([states, *looks], axis=1)
        none = np.zeros((1, seen.shape[1]), np.float32)
        padded = np.concatenate([none, seen, none])
        around = np.concatenate([padded[:-2], padded[1:-1], padded[2:]], axis=1)
        result: Floats = np.maximum(around @ self.window + self.window_bias, 0) @ self.out + self.out_bias
        return result

    def away(self, leaning: float) -> Floats:
        """Return (K,): what takes `leaning` off the score of O and nothing off the others."""
        return np.asarray([leaning * (tag == "O") for tag in self.tags], dtype=np.float32)

    def tag(self, scores: Floats) -> list[str]:
        """Return the likeliest valid sequence of tags for (W, K) scores (Viterbi 1967)."""
        if not len(scores):
            return []
        best, came = scores[0] + self.first, []
        for row in scores[1:]:
            through = best[:, None] + self.moves
            came.append(through.argmax(axis=0))
            best = through.max(axis=0) + row
        path = [int((best + self.last).argmax())]
        for back in reversed(came):
            path.append(int(back[path[-1]]))
        return [self.tags[number] for number in reversed(path)]

    def probability(self, scores: Floats, start: int, tags: Sequence[str]) -> float:
        """Return how likely the words from `start` bear exactly these tags, whatever the others bear."""
        free = self._log_sum(scores.astype(np.float64))
        bound = scores.astype(np.float64)
        for place, tag in enumerate(tags, start):
            other = np.arange(len(self.tags)) != self.tags.index(tag)
            bound[place, other] = NEVER
        end = start + len(tags)
        if end < len(scores) and tags[-1] != "O":  # the entity ends there
            bound[end, self.tags.index(f"I-{tags[-1][2:]}")] = NEVER
        return float(np.exp(min(0.0, self._log_sum(bound) - free)))

    def read(self, words: Sequence[Word], states: Embeddings) -> list[Mention]:
        """Return the entities among a text's words in order; states (W, D)."""
        scores = self.scores(states, shapes_of([word.text for word in words]))
        tags = self.tag(scores)
        found = []
        for start, end in _runs(tags):
            chance = self.probability(scores, start, tags[start:end])
            found.append(Mention(tags[start][2:], words[start].start, words[end - 1].end, chance))
        return found

    def to_bytes(self) -> bytes:
        """Return the contents of the bundle's file; numbers are kept as float16."""
        from safetensors.numpy import save

        tensors = {field.name: getattr(self, field.name) for field in fields(self)[2:]}
        tensors |= {f"table.{name}": table for name, table in zip(TABLES, self.tables, strict=True)}
        small = {name: np.ascontiguousarray(value.astype(np.float16)) for name, value in tensors.items()}
        # One entry of metadata: of several safetensors chooses the order, and equal taggers would differ.
        made: bytes = save(small, metadata={"about": json.dumps({"format": FORMAT, "tags": self.tags})})
        return made

    @classmethod
    def from_bytes(cls, raw: bytes) -> Tagger:
        """Read what `to_bytes` wrote. Raises TaggerError if it is damaged or of another version."""
        from safetensors import SafetensorError
        from safetensors.numpy import load

        try:
            about = json.loads(_metadata(raw)["about"])
            if about["format"] != FORMAT:
                raise TaggerError(f"{FILE} is of another version; run `nightdesk train` again")
            tensors = {name: value.astype(np.float32) for name, value in load(raw).items()}
            tables = tuple(tensors[f"table.{name}"] for name in TABLES)
            parts = {field.name: tensors[field.name] for field in fields(cls)[2:]}
            return cls(tuple(map(str, about["tags"])), tables, **parts)
        except (SafetensorError, KeyError, IndexError, TypeError, ValueError) as error:
            raise TaggerError(f"{FILE} is damaged ({type(error).__name__}); run `nightdesk train` again") from error

    def _log_sum(self, scores: NDArray[np.float64]) -> float:
        """The logarithm of the summed weight of all sequences."""
        total = scores[0] + self.first
        for row in scores[1:]:
            total = np.logaddexp.reduce(total[:, None] + self.moves, axis=0) + row
        return float(np.logaddexp.reduce(total + self.last))


class EncoderTagger:
    """A tagger beside the encoder whose states it reads; knows which tokens make up a word."""

    def __init__(self, tagger: Tagger, encoder: TokenEncoder, folder: Path | None = None) -> None:
        """Raise TaggerError if the two do not fit together.

        folder: where the encoder's tokenizer lies now, if the folder it was loaded from may be gone: an encoder
        outlives the bundle that first brought it.
        """
        if tagger.width != encoder.width:
            raise TaggerError(
                f"the tagger reads states of width {tagger.width}, the encoder gives {encoder.width}; "
                "run `nightdesk train` again"
            )
        self.tagger = tagger
        self.encoder = encoder
        self._alignment = Alignment(folder or encoder.folder)

    def read(self, texts: Sequence[str]) -> list[list[Mention]]:
        """Return each text's entities; one forward pass for all texts."""
        return self.read_encoded(texts, self.encoder.encode_tokens(texts)[1] if texts else [])

    def read_encoded(self, texts: Sequence[str], tokens: Sequence[Embeddings]) -> list[list[Mention]]:
        """Return each text's entities, given (T, D) for the tokens of each as `encode_tokens` does."""
        return [self._read(text, rows) for text, rows in zip(texts, tokens, strict=True)]

    def _read(self, text: str, rows: Embeddings) -> list[Mention]:
        words, states = self._alignment.words(text, rows)
        return self.tagger.read(words, states) if words else []


class Alignment:
    """Which of an encoder's tokens lie in which word of a text."""

    def __init__(self, folder: Path) -> None:
        """Read the encoder's tokenizer.json. Raises TaggerError if there is none."""
        from tokenizers import Tokenizer

        path = folder / "tokenizer.json"
        if not path.is_file():
            raise TaggerError(f"{folder} has no tokenizer.json; entities need an encoder with a fast tokenizer")
        self._tokenizer: Any = Tokenizer.from_file(str(path))
        self._tokenizer.no_padding()
        self._tokenizer.no_truncation()

    def words(self, text: str, rows: Embeddings) -> tuple[list[Word], Embeddings]:
        """Return the words that the encoder read, and (W, D): the mean state of each word's tokens.

        rows (T, D): the states of all tokens but the first and last. Words beyond the encoder's length are left out.
        """
        words = words_of(text)
        states, known = self._pooled(text, [word.end for word in words], rows)
        return words[:known], states[:known]

    def states_of(self, words: Sequence[str], rows: Embeddings) -> Embeddings:
        """Return (W, D) for the words of a text that is these words and a blank between any two."""
        ends = np.cumsum([len(word) + 1 for word in words]) - 1
        return self._pooled(" ".join(words), ends.tolist(), rows)[0]

    def _pooled(self, text: str, ends: Sequence[int], rows: Embeddings) -> tuple[Embeddings, int]:
        """Return (W, D), zeros for a word without a token, and how many words were read."""
        offsets = self._tokenizer.encode(text, add_special_tokens=False).offsets[: len(rows)]
        owner = np.searchsorted(np.asarray(ends), [start for start, _ in offsets], side="right")
        sums = np.zeros((len(ends), rows.shape[1]), np.float32)
        np.add.at(sums, owner, rows[: len(owner)])
        counts = np.bincount(owner, minlength=len(ends)).astype(np.float32)
        means: Embeddings = (sums / np.maximum(counts, 1)[:, None]).astype(np.float32)
        return means, int(owner[-1]) + 1 if len(owner) else 0


def _runs(tags: Sequence[str]) -> list[tuple[int, int]]:
    """Where the entities of a valid IOB2 sequence lie: first word, and the one after the last."""
    starts = [place for place, tag in enumerate(tags) if tag.startswith("B-")]
    ends = []
    for start in starts:
        end = start + 1
        while end < len(tags) and tags[end].startswith("I-"):
            end += 1
        ends.append(end)
    return list(zip(starts, ends, strict=True))


def _metadata(raw: bytes) -> Mapping[str, str]:
    length = int.from_bytes(raw[:8], "little")
    found: Mapping[str, str] = json.loads(raw[8 : 8 + length]).get("__metadata__") or {}
    return found
