"""Files to documents of the corpus: what is new is stored, what is the same left alone, what is bad written down."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from retrieval.articles import read_article
from retrieval.cleaning import language_of
from retrieval.corpus import Corpus, content_hash, turns_json
from retrieval.exchanges import cut_exchanges
from retrieval.masking import Masker
from retrieval.progress import Progress, Step
from retrieval.readers import BadRow, SourceFile, Transcript, read_transcripts
from retrieval.settings import Settings

BATCH = 1000
"""Transcripts stored between two commits."""


@dataclass
class Tally:
    """Counts of one run; `quarantine` is the file that names the bad rows, if there were any."""

    read: int = 0
    added: int = 0
    replaced: int = 0
    unchanged: int = 0
    quarantined: int = 0
    removed: int = 0
    quarantine: str | None = None


def store_files(
    corpus: Corpus,
    files: Sequence[SourceFile],
    settings: Settings,
    *,
    trust: bool,
    quarantine: Path,
    tell: Progress,
) -> Tally:
    """Bring the corpus up to date with these files; return what was done.

    A document is known by its file and id. The same content under another file is the same document. An article whose
    file is gone from an ingested folder is removed; transcripts stay, since exports come one after another.
    """
    return _Intake(corpus, settings, trust, quarantine, tell).run(files)


class _Intake:
    def __init__(self, corpus: Corpus, settings: Settings, trust: bool, quarantine: Path, tell: Progress) -> None:
        self._corpus = corpus
        self._settings = settings
        self._masker = Masker.from_settings(settings)
        self._trust = trust
        self._quarantine = quarantine
        self._tell = tell
        self._tally = Tally()
        self._contents = corpus.contents()

    def run(self, files: Sequence[SourceFile]) -> Tally:
        for root in dict.fromkeys(file.root for file in files if file.root is not None):
            self._remove_vanished(root)
        for file in files:
            if file.is_article:
                self._article(file)
            else:
                self._transcripts(file)
        return self._tally

    def _transcripts(self, file: SourceFile) -> None:
        with self._corpus.transaction():
            source = self._corpus.source(file, trust=self._trust)
        known = self._corpus.known(source)
        for rows in _batches(read_transcripts(file.path), BATCH):
            with self._corpus.transaction():
                changes = self._tally.added + self._tally.replaced
                for row in rows:
                    self._tally.read += 1
                    if isinstance(row, BadRow):
                        self._put_aside(row)
                    else:
                        self._transcript(source, row, known)
                if self._tally.added + self._tally.replaced > changes:
                    self._corpus.touch()
                self._tell(Step("read", self._tally.read, 0))

    def _transcript(self, source: int, transcript: Transcript, known: dict[str, tuple[int, bytes]]) -> None:
        turns = turns_json(transcript.turns)
        digest = content_hash(transcript, turns)
        before = known.get(transcript.id)
        if before is None and digest in self._contents:
            self._tally.unchanged += 1
            if self._trust:
                self._corpus.vouch(digest, source)
            return
        if before is not None and before[1] == digest:
            self._tally.unchanged += 1
            return
        cuts = list(cut_exchanges(transcript.turns, self._masker, self._settings.language))
        self._corpus.put_transcript(source, transcript, turns, digest, cuts, before[0] if before else None)
        self._contents.add(digest)
        self._count(before is not None)

    def _article(self, file: SourceFile) -> None:
        self._tally.read += 1
        try:
            pieces = read_article(file.path, max_words=self._settings.max_piece_words)
        except (ValueError, OSError) as error:
            self._put_aside(BadRow(file.name, 1, str(error)))
            return
        digest = hashlib.sha256(f"{self._settings.max_piece_words}\0".encode() + file.path.read_bytes()).digest()
        with self._corpus.transaction():
            moved = self._corpus.moved_article(file)
            if moved is not None:
                self._corpus.move_source(moved, file)
            source = self._corpus.source(file, trust=self._trust)
            before = self._corpus.known(source).get("")
            if (before is not None and before[1] == digest) or (before is None and digest in self._contents):
                self._tally.unchanged += 1
            else:
                marked = [(piece, language_of(piece.text, self._settings.language)) for piece in pieces]
                self._corpus.touch()
                self._corpus.put_article(source, digest, marked, before[0] if before else None)
                self._contents.add(digest)
                self._count(before is not None)
            self._tell(Step("read", self._tally.read, 0))

    def _remove_vanished(self, root: Path) -> None:
        with self._corpus.transaction():
            for document in self._corpus.vanished_articles(root):
                self._corpus.remove(document)
                self._corpus.touch()
                self._tally.removed += 1

    def _count(self, replaced: bool) -> None:
        if replaced:
            self._tally.replaced += 1
        else:
            self._tally.added += 1

    def _put_aside(self, row: BadRow) -> None:
        self._tally.quarantined += 1
        self._tally.quarantine = str(self._quarantine)
        self._quarantine.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        descriptor = os.open(self._quarantine, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        with os.fdopen(descriptor, "a", encoding="utf-8") as opened:
            opened.write(json.dumps(row.as_dict(), ensure_ascii=False) + "\n")


def _batches(rows: Iterator[Transcript | BadRow], size: int) -> Iterator[list[Transcript | BadRow]]:
    batch: list[Transcript | BadRow] = []
    for row in rows:
        batch.append(row)
        if len(batch) == size:
            yield batch
            batch = []
    if batch:
        yield batch
