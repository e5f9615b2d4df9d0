"""Transcripts and articles in, a corpus and a bundle out: `nightdesk ingest`.

A run is a list of steps, each of which commits whole and can be taken again: store documents, embed group by group,
derive the passages, publish the bundle. Killed anywhere and started again, it ends with the corpus and the index of a
run nobody disturbed; run twice, it adds nothing and publishes nothing.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import logging
import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from retrieval.bundle import INDEX, Bundle, open_bundle, width_of, write_bundle
from retrieval.candidates import Sorted, sort_exchanges, texts_to_embed
from retrieval.cards import article_drafts, card_drafts, exchange_drafts
from retrieval.corpus import Corpus, now
from retrieval.documents import Tally, store_files
from retrieval.encoder import Encoder, SentenceEncoder, TokenEncoder, fingerprint_of
from retrieval.errors import BadInput, BundleError, Busy, NoBundle
from retrieval.index import VectorIndex
from retrieval.passages import count_by_kind, passages_without_routes, replace_passages, routes
from retrieval.progress import Progress, Step, watching
from retrieval.readers import SourceFile, find_files
from retrieval.remask import remask as mask_again
from retrieval.remask import tagger_of, unmasked
from retrieval.settings import Settings
from retrieval.standing import Uses, judged
from retrieval.tagger import FILE as TAGGER
from retrieval.vectors import Texts, VectorTable, embed, forget_vectors, missing
from retrieval.verdicts import read_verdicts
from retrieval.weights import WEIGHTS, resolve_encoder

log = logging.getLogger(__name__)

BARE_TEXTS = 10_000
RULES_VERSION = 2
"""Raise it when rules or clustering change, so that existing corpora are derived again."""


@dataclass(frozen=True, slots=True)
class IngestReport:
    """What a run did, and how many exchanges, cards and passages the corpus holds after it.

    masked counts the exchanges in which the bundle's tagger found what the rules had not. encoder_share is the part of
    the time spent in the encoder; passages_per_s counts embedded texts over the whole run,
    bare_passages_per_s the same texts through the encoder alone (None unless asked for, or nothing was embedded).
    """

    read: int
    added: int
    replaced: int
    unchanged: int
    quarantined: int
    removed: int
    exchanges: int
    cards: int
    passages: int
    masked: int
    embedded: int
    seconds: float
    encoder_share: float
    passages_per_s: float | None
    bare_passages_per_s: float | None
    quarantine: str | None
    bundle: str

    def as_dict(self) -> dict[str, Any]:
        """Return the fields for JSON."""
        return asdict(self)


@dataclass(frozen=True)
class EncoderChoice:
    """An encoder that is known but not loaded: most runs that find nothing new never need it."""

    folder: Path
    fingerprint: str
    width: int
    opener: Callable[[], Encoder]

    @classmethod
    def of(cls, encoder: Encoder) -> EncoderChoice:
        """Return the choice of an encoder that is loaded already."""
        return cls(encoder.folder, encoder.fingerprint, encoder.width, lambda: encoder)

    def load(self) -> Encoder:
        """Return the encoder, loaded once."""
        if "loaded" not in self.__dict__:
            object.__setattr__(self, "loaded", self.opener())
        loaded: Encoder = self.__dict__["loaded"]
        return loaded


def ingest(
    paths: Sequence[Path],
    settings: Settings,
    home: Path,
    master_key: bytes,
    *,
    trust: bool = False,
    rebuild: bool = False,
    remask: bool = False,
    bare: bool = False,
    progress: Progress | Literal["bar"] | None = None,
    encoder: Encoder | None = None,
) -> IngestReport:
    """Take files and folders into the corpus of `home` and publish a bundle if anything changed.

    `trust` vouches for these sources: their answers may be given to customers however few they served. `rebuild`
    forgets all vectors and embeds anew; `remask` masks with the current bundle's tagger what an older one, or none,
    went over (with either, paths may be empty). `bare` also times the encoder alone on the same texts.
    `encoder` replaces the one the settings name.

    Raises BadInput before anything is touched if a path is no good, Busy if another ingest is at work in this home.
    """
    if not paths and not rebuild and not remask:
        raise BadInput("nothing to ingest; give at least one file or folder")
    files = find_files([Path(path) for path in paths])
    with only_one(home), Corpus.open(home, master_key) as corpus, watching(progress) as tell:
        started = time.perf_counter()
        run = _Run(corpus, settings, home, tell)
        tally = run.store(files, paths, trust)
        chosen = EncoderChoice.of(encoder) if encoder else run.choose_encoder()
        run.mask(chosen, everything=remask)
        run.embed(chosen, rebuild)
        run.derive(chosen)
        bundle = run.publish(chosen)
        seconds = time.perf_counter() - started
        return run.report(tally, bundle, seconds, run.bare(chosen) if bare else None)


def reindex(
    encoder: Encoder,
    settings: Settings,
    home: Path,
    master_key: bytes,
    *,
    progress: Progress | Literal["bar"] | None = None,
) -> tuple[VectorIndex, str]:
    """Embed by another encoder every text that leads to a passage; return their index, and what it was made from.

    The passages stay as they are and nothing is published: give both to `write_bundle` (`index=`, and the second as
    data["index"]) together with the encoder. Hold `only_one` until that is done. A killed run goes on where it was.
    """
    with Corpus.open(home, master_key) as corpus, watching(progress) as tell:
        run = _Run(corpus, settings, home, tell)
        chosen = EncoderChoice.of(encoder)
        run.embed(chosen, rebuild=False)
        rows, wordy = routes(corpus), passages_without_routes(corpus)
        return run.index(chosen, rows, wordy), made_from(encoder.fingerprint, settings, rows, wordy)


def made_from(fingerprint: str, settings: Settings, rows: Sequence[tuple[int, bytes]], wordy: Sequence[int]) -> str:
    """Return 32 hex digits of what an index holds: encoder, routes, and passages that words alone lead to."""
    digest = hashlib.sha256(fingerprint.encode() + settings.ivf_rows.to_bytes(8, "big"))
    for passage, text in rows:
        digest.update(passage.to_bytes(8, "big") + text)
    digest.update(json.dumps(list(wordy)).encode())
    return digest.hexdigest()[:32]


class _Run:
    """The steps of one ingest, in order."""

    def __init__(self, corpus: Corpus, settings: Settings, home: Path, tell: Progress) -> None:
        self._corpus = corpus
        self._settings = settings
        self._home = home
        self._tell = tell
        self._found: Sorted | None = None
        self._texts: Texts = {}
        self._embedded: list[str] = []
        self._encoder_s = 0.0
        self._masked = 0
        self._id = 0

    def store(self, files: Sequence[SourceFile], paths: Sequence[Path], trust: bool) -> Tally:
        """Bring the documents up to date."""
        with self._corpus.transaction() as connection:
            cursor = connection.execute(
                "INSERT INTO runs (started_at, paths) VALUES (?, ?)", (now(), json.dumps([str(p) for p in paths]))
            )
            self._id = int(cursor.lastrowid or 0)
        return store_files(
            self._corpus,
            files,
            self._settings,
            trust=trust,
            quarantine=self._home / "quarantine" / f"{self._id:05d}.jsonl",
            tell=self._tell,
        )

    def choose_encoder(self) -> EncoderChoice:
        """Choose the encoder to embed with: the current bundle's, if it grew from the base the settings name."""
        folder = resolve_encoder(self._settings.encoder, self._home / WEIGHTS)
        fingerprint = fingerprint_of(folder)
        current = self._current()
        if current is not None and current.manifest.encoder.get("base_fingerprint") == fingerprint:
            folder, fingerprint = current.encoder_dir, current.fingerprint
        s = self._settings

        def load() -> Encoder:
            return SentenceEncoder(
                folder, device=s.device, threads=s.threads, batch_size=s.batch_size, fingerprint=fingerprint
            )

        return EncoderChoice(folder, fingerprint, width_of(folder), load)

    def mask(self, encoder: EncoderChoice, *, everything: bool) -> None:
        """Mask what came new, or `everything`, with the current bundle's tagger, if it has one."""
        current = self._current()
        if current is None or TAGGER not in current.manifest.files or not unmasked(self._corpus, everything):
            return
        loaded = encoder.load()
        tagger = tagger_of(current, loaded) if isinstance(loaded, TokenEncoder) else None
        if tagger is not None:
            self._masked = mask_again(self._corpus, tagger, everything=everything, tell=self._tell)

    def embed(self, encoder: EncoderChoice, rebuild: bool) -> None:
        """Give every text of the corpus a vector by this encoder."""
        if rebuild and self._corpus.fact("rebuilding") is None:
            with self._corpus.transaction() as connection:
                connection.execute("DELETE FROM vectors")
                self._corpus.touch()
                self._corpus.set_fact("rebuilding", "yes")  # a killed rebuild goes on, it does not start over
        if self._up_to_date(encoder):
            return
        self._tell(Step("compare", 0, 0))
        verdicts = read_verdicts(self._corpus.connection)
        approved = {key for key, verdict in verdicts.items() if not verdict.withdrawn}
        self._found = sort_exchanges(self._corpus.exchanges(), self._settings.min_customers, approved)
        self._texts = texts_to_embed(self._found, self._corpus.pieces(), self._settings)
        hashes = missing(self._corpus, self._texts, encoder.fingerprint)
        self._tell(Step("embed", 0, len(hashes)))
        if hashes:
            for texts, seconds in embed(self._corpus, self._texts, hashes, encoder.load()):
                self._embedded += texts
                self._encoder_s += seconds
                self._tell(Step("embed", len(self._embedded), len(hashes)))

    def derive(self, encoder: EncoderChoice) -> None:
        """Make the passages follow from the documents."""
        if self._found is None:
            return
        self._tell(Step("cluster", 0, 0))
        vectors = VectorTable.load(self._corpus, encoder.fingerprint, self._texts, encoder.width)
        verdicts = read_verdicts(self._corpus.connection)
        articles = article_drafts(self._corpus.pieces(), self._settings)
        cards = card_drafts(self._found.candidates, vectors.rows, verdicts, self._settings)
        drafts = [
            *articles,
            *judged(cards, articles, self._uses(), vectors.rows, verdicts, self._settings),
            *exchange_drafts(self._found.internal, self._settings),
        ]
        forget_vectors(self._corpus, self._texts, encoder.fingerprint)
        self._tell(Step("passages", 0, len(drafts)))
        replace_passages(self._corpus, drafts, self._derived_by(encoder), tell=self._tell)

    def _uses(self) -> Uses:
        found = self._found.candidates if self._found else ()
        return Uses({e.id: e.at for candidate in found for e in candidate.exchanges if e.at})

    def publish(self, encoder: EncoderChoice) -> str:
        """Publish a bundle whose index holds the passages' routes; the current one, if it does already."""
        rows, wordy = routes(self._corpus), passages_without_routes(self._corpus)
        current = self._current()
        made = made_from(encoder.fingerprint, self._settings, rows, wordy)
        if current is not None and current.manifest.data.get("index") == made and INDEX in current.manifest.files:
            self._done_rebuilding()
            return current.id
        index = self.index(encoder, rows, wordy)
        self._tell(Step("publish", 0, 1))
        same = current is not None and current.fingerprint == encoder.fingerprint
        bundle = write_bundle(
            self._home,
            index=index,
            encoder_dir=None if same else encoder.folder,
            base_encoder=None if same else self._settings.encoder,
            data={"index": made},
            keep=self._settings.keep_bundles,
        )
        self._tell(Step("publish", 1, 1))
        self._done_rebuilding()
        return bundle

    def index(self, encoder: EncoderChoice, rows: Sequence[tuple[int, bytes]], wordy: Sequence[int]) -> VectorIndex:
        """Return the index of these routes, whose texts have been embedded."""
        self._tell(Step("index", 0, len(rows)))
        vectors = VectorTable.load(self._corpus, encoder.fingerprint, {text for _, text in rows}, encoder.width)
        return VectorIndex.build(
            vectors.rows([text for _, text in rows]),
            [passage for passage, _ in rows],
            encoder.fingerprint,
            without_vector=wordy,
            ivf_rows=self._settings.ivf_rows,
        )

    def bare(self, encoder: EncoderChoice) -> float | None:
        """Return texts per second of sentence-transformers alone, in the same precision, on what this run embedded.

        Of very many texts every n-th is taken, so that timing them costs minutes and not the time of the run again.
        """
        if not self._embedded:
            return None
        texts = self._embedded[:: -(-len(self._embedded) // BARE_TEXTS)]
        total = len(texts)
        self._tell(Step("bare", 0, total))
        loaded = encoder.load()
        if isinstance(loaded, SentenceEncoder):
            loaded = SentenceEncoder(loaded.folder, device=loaded.device, packed=False)
        started = time.perf_counter()
        loaded.encode(texts, on_batch=lambda done, _: self._tell(Step("bare", done, total)))
        return total / (time.perf_counter() - started)

    def report(self, tally: Tally, bundle: str, seconds: float, bare: float | None) -> IngestReport:
        """Return the report, and keep it with the run."""
        kinds = count_by_kind(self._corpus)
        report = IngestReport(
            **asdict(tally),
            exchanges=self._corpus.count("exchanges"),
            cards=kinds.get("card", 0),
            passages=sum(kinds.values()),
            masked=self._masked,
            embedded=len(self._embedded),
            seconds=round(seconds, 3),
            encoder_share=round(self._encoder_s / seconds, 4),
            passages_per_s=round(len(self._embedded) / seconds, 1) if self._embedded else None,
            bare_passages_per_s=None if bare is None else round(bare, 1),
            bundle=bundle,
        )
        with self._corpus.transaction() as connection:
            connection.execute(
                "UPDATE runs SET finished_at = ?, report = ? WHERE id = ?",
                (now(), json.dumps(report.as_dict()), self._id),
            )
        return report

    def _current(self) -> Bundle | None:
        """The bundle that serves; None if there is none, or a damaged one, which this run replaces."""
        try:
            return open_bundle(self._home)
        except NoBundle:
            return None
        except BundleError as error:
            log.warning("%s; this run publishes a new one", error)
            return None

    def _derived_by(self, encoder: EncoderChoice) -> str:
        """What the passages depend on besides the documents."""
        s = self._settings
        about = [RULES_VERSION, encoder.fingerprint, s.min_customers, s.paraphrase_cosine, s.card_title]
        return json.dumps([*about, *s.words_only_languages])

    def _up_to_date(self, encoder: EncoderChoice) -> bool:
        return self._corpus.fact("derived") == self._derived_by(encoder)

    def _done_rebuilding(self) -> None:
        if self._corpus.fact("rebuilding") is not None:
            with self._corpus.transaction() as connection:
                connection.execute("DELETE FROM facts WHERE name = 'rebuilding'")


@contextmanager
def only_one(home: Path) -> Iterator[None]:
    """Hold the home's ingest lock, or raise Busy; the kernel frees it when this process dies."""
    home.mkdir(parents=True, exist_ok=True)
    with (home / "ingest.lock").open("a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.seek(0)
            holder = lock.read().strip() or "unknown"
            raise Busy(
                f"another ingest or training is at work in {home} (process {holder}); try again when it is done"
            ) from None
        lock.seek(0)
        lock.truncate()
        lock.write(str(os.getpid()))
        lock.flush()
        yield
