"""The bundle that serves, as the reader wants it; a newer one is made ready beside it and then takes its place."""

from __future__ import annotations

import gc
import logging
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from bot.answerability import FILE as ANSWERABILITY_FILE
from bot.answerability import Answerability, TokenVectors, with_probabilities
from bot.composed.checker import FILE as CHECKER_FILE
from bot.composed.checker import Checker, Judge
from bot.errors import BotError, HeadError, NotReady
from bot.head import CATALOGUE_FILE, TENSORS_FILE, Array, IntentHead
from bot.knowledge import Audience
from bot.mentions import Mention
from bot.sentiment import DESCRIPTION_FILE as SENTIMENT_DESCRIPTION
from bot.sentiment import TENSORS_FILE as SENTIMENT_TENSORS
from bot.sentiment import MiddleLayers, SentimentHead
from bot.thresholds import Thresholds
from bot.types import Sentiment
from retrieval.errors import RetrievalError
from retrieval.related import FILE as RELATED_FILE
from retrieval.related import Related, read_related
from retrieval.settings import Settings as RetrievalSettings
from retrieval.types import Hit

if TYPE_CHECKING:
    from retrieval.bundle import Bundle, CurrentBundle
    from retrieval.encoder import Encoder
    from retrieval.search import Searcher
    from retrieval.tagger import EncoderTagger

log = logging.getLogger(__name__)
LOOK_EVERY_S = 0.1
# Utterances of a turn are short and of one length: 16 at a time cost 6.9 ms each, 64 8.5, 1 19 (fp32, EPYC with AVX2,
# one thread, November 2026).
BATCH_SIZE = 16


@dataclass(frozen=True)
class BundleKnowledge:
    """One bundle with its encoder, head and search loaded."""

    bundle: str
    head: IntentHead | None
    thresholds: Thresholds
    encoder: Encoder
    searcher: Searcher
    answerability: Answerability | None = None
    tokens: TokenVectors | None = None
    related: Mapping[str, tuple[Related, ...]] = field(default_factory=dict)
    tagger: EncoderTagger | None = None
    sentiment: SentimentHead | None = None
    middle: MiddleLayers | None = None
    judge: Judge | None = None

    def encode(self, texts: Sequence[str]) -> Array:
        """Return float32 (B, D), rows of unit length."""
        if self.tokens:
            return self.tokens.encode_and_keep(texts)
        return self.middle.encode_tokens(texts)[0] if self.middle else self.encoder.encode(texts)

    def search(self, texts: Sequence[str], embeddings: Array, audience: Audience, k: int) -> list[list[Hit]]:
        """Return up to k hits of each text, best first, that the audience may see; customers' with probabilities."""
        found = self.searcher.search(texts, embeddings, k, audience.value)
        model, tokens = self.answerability, self.tokens
        if audience is not Audience.CUSTOMER or model is None or tokens is None:
            return found
        return [with_probabilities(model, text, hits, tokens) for text, hits in zip(texts, found, strict=True)]

    def mentions(self, texts: Sequence[str]) -> list[list[Mention]]:
        """Return what each text mentions, in order; the states are those of the pass that encoded it."""
        if self.tagger is None or self.tokens is None:
            return [[] for _ in texts]
        found = self.tagger.read_encoded(texts, self.tokens.of(texts))
        return [
            [Mention(mention.kind, text[mention.start : mention.end], mention.probability) for mention in row]
            for text, row in zip(texts, found, strict=True)
        ]

    def layers(self, texts: Sequence[str]) -> Array | None:
        """Return the middle layers of texts that were encoded, float32 (B, W); None where nothing reads them."""
        return self.middle.of(texts) if self.middle else None

    def sentiments(self, texts: Sequence[str], embeddings: Array) -> Sequence[Sentiment | None]:
        """Return how each text sounds; the middle layers are those of the pass that encoded it."""
        if self.sentiment is None:
            return [None] * len(texts)
        return self.sentiment.read(texts, self.middle.of(texts) if self.middle else embeddings)


class Watch:
    """Keeps the newest good bundle loaded. Nobody waits for a newer one: it is loaded here, in a thread of its own."""

    def __init__(
        self,
        home: Path,
        settings: RetrievalSettings,
        threads: int,
        open_encoder: Callable[[Bundle], Encoder] | None = None,
    ) -> None:
        self._home = home
        self._open_encoder = open_encoder or self._sentence_encoder
        self._settings = settings
        self._threads = threads or settings.threads
        self._knowledge: BundleKnowledge | None = None
        self._refused: str | None = None
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._work, name="bundle", daemon=True)
        self.ready = threading.Event()
        self.problem: str | None = "the models are being loaded"

    def start(self) -> None:
        """Begin to load and to look for newer bundles."""
        self._thread.start()

    def stop(self) -> None:
        """Look no more."""
        self._stopping.set()

    def current(self) -> BundleKnowledge:
        """Return what serves, at once. Raises NotReady before there is a first bundle."""
        if self._knowledge is None:
            raise NotReady(self.problem or "the models are being loaded")
        return self._knowledge

    def _work(self) -> None:
        from retrieval.bundle import CurrentBundle

        bundles = CurrentBundle(self._home, open_encoder=self._open_encoder, every_s=0.0)
        while not self._stopping.is_set():
            try:
                self._look(bundles)
            except (RetrievalError, BotError, OSError) as error:
                self._trouble(str(error))
            self._stopping.wait(LOOK_EVERY_S)

    def _look(self, bundles: CurrentBundle) -> None:
        bundle = bundles.get()
        serves = self._knowledge.bundle if self._knowledge else None
        if bundle.id in (serves, self._refused):
            return
        try:
            knowledge = load(bundle, bundles.encoder(), self._home, self._settings)
        except (RetrievalError, BotError):
            self._refused = bundle.id
            raise
        if self._knowledge is None:
            # Half a million objects came with the libraries; the collector need not look at them ever again.
            gc.freeze()
        self._knowledge, self.problem = knowledge, None
        self.ready.set()
        log.info("bundle %s serves", bundle.id)

    def _trouble(self, problem: str) -> None:
        if problem != self.problem:
            self.problem = problem
            log.error("%s%s", problem, f"; bundle {self._knowledge.bundle} serves on" if self._knowledge else "")

    def _sentence_encoder(self, bundle: Bundle) -> Encoder:
        from retrieval.encoder import SentenceEncoder

        return SentenceEncoder(
            bundle.encoder_dir,
            device=self._settings.device,
            threads=self._threads,
            batch_size=BATCH_SIZE,
            fingerprint=bundle.fingerprint,
        )


def load(bundle: Bundle, encoder: Encoder, home: Path, settings: RetrievalSettings) -> BundleKnowledge:
    """Return the bundle ready to be asked. Raises HeadError or a RetrievalError if its parts do not fit together."""
    from retrieval.encoder import LayerEncoder, TokenEncoder
    from retrieval.search import Searcher

    head = load_head(bundle)
    if head is not None and head.width != encoder.width:
        raise HeadError(
            f"the intent head of bundle {bundle.id} has width {head.width}, its encoder {encoder.width}; "
            "run `nightdesk train`"
        )
    answerability = load_answerability(bundle)
    tagger = load_tagger(bundle, encoder)
    sentiment = load_sentiment(bundle)
    reads_layers = sentiment or (head is not None and head.layers is not None)
    middle = MiddleLayers(encoder.encode_layers) if reads_layers and isinstance(encoder, LayerEncoder) else None
    encode_tokens = middle.encode_tokens if middle else getattr(encoder, "encode_tokens", None)
    tokens = answerability or tagger
    knowledge = BundleKnowledge(
        bundle.id,
        head,
        Thresholds.from_manifest(bundle.thresholds),
        encoder,
        Searcher(bundle, home, settings),
        answerability,
        TokenVectors(encode_tokens) if tokens and encode_tokens and isinstance(encoder, TokenEncoder) else None,
        load_related(bundle),
        tagger,
        sentiment,
        middle,
        load_judge(bundle, encoder),
    )
    words = ["warm up"]
    embeddings = knowledge.encode(words)
    knowledge.search(words, embeddings, Audience.CUSTOMER, 1)
    knowledge.sentiments(words, embeddings)
    return knowledge


def load_head(bundle: Bundle) -> IntentHead | None:
    """Return the bundle's intent head, or None if it was never trained. Raises HeadError for a damaged one."""
    tensors, description = bundle.file(TENSORS_FILE), bundle.file(CATALOGUE_FILE)
    if tensors is None or description is None:
        return None
    return IntentHead.from_bytes(tensors.read_bytes(), description.read_bytes())


def load_answerability(bundle: Bundle) -> Answerability | None:
    """Return the bundle's model of what answers, or None if it was trained without one. Raises HeadError if damaged."""
    path = bundle.file(ANSWERABILITY_FILE)
    return Answerability.from_bytes(path.read_bytes()) if path else None


def load_judge(bundle: Bundle, encoder: Encoder) -> Judge | None:
    """Return what checks composed sentences, or None in a bundle trained without. Raises HeadError if damaged.

    It keeps token vectors of its own: it works beside the reader's thread.
    """
    from retrieval.encoder import TokenEncoder

    path = bundle.file(CHECKER_FILE)
    if path is None or not isinstance(encoder, TokenEncoder):
        return None
    return Judge(Checker.from_bytes(path.read_bytes()), TokenVectors(encoder.encode_tokens))


def load_sentiment(bundle: Bundle) -> SentimentHead | None:
    """Return the bundle's sentiment head, or None if it was trained without one. Raises HeadError if damaged."""
    tensors, description = bundle.file(SENTIMENT_TENSORS), bundle.file(SENTIMENT_DESCRIPTION)
    if tensors is None or description is None:
        return None
    return SentimentHead.from_bytes(tensors.read_bytes(), description.read_bytes())


def load_tagger(bundle: Bundle, encoder: Encoder) -> EncoderTagger | None:
    """Return the bundle's tagger, or None if it has none. Raises TaggerError for a damaged or foreign one."""
    from retrieval.encoder import TokenEncoder
    from retrieval.tagger import FILE, EncoderTagger, Tagger

    path = bundle.file(FILE)
    if path is None or not isinstance(encoder, TokenEncoder):
        return None
    return EncoderTagger(Tagger.from_bytes(path.read_bytes()), encoder, bundle.encoder_dir)


def load_related(bundle: Bundle) -> dict[str, tuple[Related, ...]]:
    """Return which articles go together, by source; empty in a bundle that was not trained."""
    path = bundle.file(RELATED_FILE)
    return read_related(path.read_bytes()) if path else {}
