"""How likely a passage answers a question: a small logistic regression over what search found.

A cosine says that two texts are about the same thing; whether one answers the other shows beside the other passages
found, and token by token (late interaction: Khattab and Zaharia 2020, "ColBERT"): a word of the question that nothing
in the passage comes near is a question left open. numpy only; `finetune` fits it.
"""

from __future__ import annotations

import json
import math
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from bot.errors import HeadError
from bot.head import Array
from retrieval.types import Hit, Passage, PassageKind

FILE = "answerability.json"
FORMAT = 1
SCORED = 5
"""Hits that are scored; of 260 calibration questions of the demo 90% have their answer among the first five."""
KEPT = 1000
"""Texts whose tokens' vectors are kept, as float16: a passage of 60 tokens of 384 numbers is 46 KB, so 46 MB."""

FEATURES = (
    "cosine",
    "tokens",  # mean over the question's tokens of the largest cosine to a token of the passage
    "tokens_lead",  # that mean's lead over the best of another source
    "least_token",  # the largest cosine of the token that is met worst
    "two_least_tokens",
)
"""Few on purpose. With BM25, rank and agreement of sources as well, cross-validation gained a little, but questions
written by somebody else lost much: AUC .79 against .85 (88 of the demo's calibration questions, fitted on others)."""

EncodeTokens = Callable[[Sequence[str]], tuple[Array, list[Array]]]


@dataclass(frozen=True)
class Answerability:
    """probability = sigmoid(intercept + weights · (features − mean) / scale), fitted on labelled questions.

    mean, scale and weights are float32 (F,), in the order of FEATURES.
    """

    mean: Array
    scale: Array
    weights: Array
    intercept: float

    def __post_init__(self) -> None:
        """Refuse numbers that do not fit together."""
        for name in ("mean", "scale", "weights"):
            part = getattr(self, name)
            if part.shape != (len(FEATURES),) or not np.isfinite(part).all():
                raise HeadError(f"{FILE}: {name} should be {len(FEATURES)} finite numbers; run `nightdesk train` again")
        if not (math.isfinite(self.intercept) and (self.scale > 0).all()):
            raise HeadError(f"{FILE}: scales should be above 0 and the intercept finite; run `nightdesk train` again")

    def probabilities(self, features: Array) -> Array:
        """Return (N,) probabilities for (N, F) features; never 0 or 1, so that a threshold of 1 lets nothing pass."""
        logits = (features - self.mean) / self.scale @ self.weights + np.float32(self.intercept)
        result: Array = (1.0 / (1.0 + np.exp(-np.clip(logits, -9, 9)))).astype(np.float32)
        return result

    def to_bytes(self) -> bytes:
        """Return the contents of answerability.json."""
        parts = {name: [float(value) for value in getattr(self, name)] for name in ("mean", "scale", "weights")}
        made = {"format": FORMAT, "features": list(FEATURES), **parts, "intercept": self.intercept}
        return json.dumps(made, indent=1).encode()

    @classmethod
    def from_bytes(cls, raw: bytes) -> Answerability:
        """Read what `to_bytes` wrote. Raises HeadError if it is damaged or of another format."""
        try:
            made = json.loads(raw)
            if (made["format"], tuple(made["features"])) != (FORMAT, FEATURES):
                raise HeadError(f"{FILE} is of another version; run `nightdesk train` again")
            parts = [np.asarray(made[name], dtype=np.float32) for name in ("mean", "scale", "weights")]
            return cls(parts[0], parts[1], parts[2], float(made["intercept"]))
        except (KeyError, TypeError, ValueError) as error:
            raise HeadError(f"{FILE} is damaged ({type(error).__name__}); run `nightdesk train` again") from error


@dataclass
class TokenVectors:
    """The vectors of texts' tokens, kept while they are asked for. Not for several threads at once."""

    encode: EncodeTokens
    _kept: OrderedDict[str, Array] = field(default_factory=OrderedDict)

    def encode_and_keep(self, texts: Sequence[str]) -> Array:
        """Return the texts' own vectors (B, D); their tokens' are at hand for `of`."""
        vectors, tokens = self.encode(texts)
        for text, rows in zip(texts, tokens, strict=True):
            self._kept[text] = rows.astype(np.float16)
        return vectors

    def of(self, texts: Sequence[str]) -> list[Array]:
        """Return float32 (T, D) for each text, rows of unit length; what is not known is encoded together."""
        fresh = [text for text in dict.fromkeys(texts) if text not in self._kept]
        if fresh:
            self.encode_and_keep(fresh)
        for text in texts:
            self._kept.move_to_end(text)
        found = [self._kept[text].astype(np.float32) for text in texts]
        while len(self._kept) > KEPT:
            self._kept.popitem(last=False)
        return found


def with_probabilities(model: Answerability, question: str, hits: Sequence[Hit], tokens: TokenVectors) -> list[Hit]:
    """Return the hits with `answer_probability` set: on the first SCORED the model's, on others 0.

    question: masked as it was searched; hits best first. Hits without a cosine stay as
    they are: the encoder does not read their language, and the model knows nothing of them.
    """
    near = [hit.rank for hit in hits if hit.cosine is not None]
    if not near:
        return list(hits)
    judged = model.probabilities(features(question, hits, tokens))
    chances = dict.fromkeys(near, 0.0) | dict(zip(near[:SCORED], map(float, judged), strict=True))
    return [replace(hit, answer_probability=chances.get(hit.rank)) for hit in hits]


def features(question: str, hits: Sequence[Hit], tokens: TokenVectors) -> Array:
    """Return float32 (N, F): FEATURES of each of the first SCORED hits that has a cosine, in the order of the hits."""
    near = [hit for hit in hits if hit.cosine is not None][:SCORED]
    asked, *passages = tokens.of([question, *(_text(hit.passage) for hit in near)])
    met = [np.sort(_nearest(asked, rows)) for rows in passages]
    means = [float(cosines.mean()) for cosines in met]
    sources = [_source(hit.passage) for hit in near]
    rows = []
    for hit, cosines, mean, source in zip(near, met, means, sources, strict=True):
        rival = max((other for other, of in zip(means, sources, strict=True) if of != source), default=0.0)
        rows.append([hit.cosine, mean, mean - rival, cosines[0], cosines[:2].mean()])
    return np.asarray(rows, dtype=np.float32).reshape(len(rows), len(FEATURES))


def _nearest(asked: Array, passage: Array) -> Array:
    """Return (T,): each asked token's largest cosine to a token of the passage; one zero if a text has no token."""
    if not len(asked) or not len(passage):
        return np.zeros(1, np.float32)
    result: Array = (asked @ passage.T).max(axis=1)
    return result


def _source(passage: Passage) -> str:
    return passage.source if passage.kind is PassageKind.ARTICLE else f"card {passage.id}"


def _text(passage: Passage) -> str:
    """What is laid beside the question: an article's piece leans on its title and heading."""
    return f"{passage.question}. {passage.text}"
