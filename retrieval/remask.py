"""Mask again what the corpus holds, with the bundle's tagger: names and addresses that rules and lists do not know.

A step of every ingest whose home has a tagger: what came new is masked before it is embedded. With `--remask`
everything is masked that an older tagger, or none, went over. Rows are committed in batches, and a fact says up to
which row which tagger has come, so that a killed run goes on there and a second run finds nothing to do.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

from retrieval.bundle import Bundle, CurrentBundle
from retrieval.cleaning import CJK
from retrieval.corpus import Corpus
from retrieval.encoder import TokenEncoder
from retrieval.errors import NoBundle
from retrieval.progress import Progress, Step
from retrieval.tagger import FILE, EncoderTagger, Mention, Tagger

PLACEHOLDERS = {"PERSON": "[NAME]", "ADDRESS": "[ADDRESS]"}
LEAST = 0.6
"""Probability from which a mention is masked: a plant that reads "[NAME]" spoils an answer."""
BATCH = 256
"""Exchanges masked between two commits."""
THROUGH, BY = "masked_through", "masked_by"


def mask_mentions(text: str, mentions: Sequence[Mention]) -> str:
    """Return the text with its people and addresses replaced; placeholders, single letters and signs stay."""
    for mention in reversed(mentions):
        said = text[mention.start : mention.end]
        holder = PLACEHOLDERS.get(mention.kind)
        said_much = said[0].isalnum() and sum(sign.isalnum() for sign in said) > 1 and not set(said) & set("[]")
        if holder and said_much and mention.probability >= LEAST:
            text = text[: mention.start] + holder + text[mention.end :]
    return text


def tagger_of(bundle: Bundle | None, encoder: TokenEncoder) -> EncoderTagger | None:
    """Return the bundle's tagger beside its encoder; None if it has none, or one for another encoder."""
    path = bundle.file(FILE) if bundle and bundle.fingerprint == encoder.fingerprint else None
    return EncoderTagger(Tagger.from_bytes(path.read_bytes()), encoder) if path else None


def current_tagger(home: Path) -> EncoderTagger | None:
    """Return the tagger of the home's current bundle, loaded with its encoder; None if there is none."""
    try:
        current = CurrentBundle(home)
        bundle, encoder = current.get(), current.encoder()
    except NoBundle:
        return None
    return tagger_of(bundle, encoder) if isinstance(encoder, TokenEncoder) else None


def remask(corpus: Corpus, tagger: EncoderTagger, *, everything: bool, tell: Progress) -> int:
    """Mask the exchanges that no tagger, or with `everything` not this very one, went over; return how many changed.

    What changed is derived and embedded again by the steps that follow.
    """
    mark = hashlib.sha256(tagger.tagger.to_bytes() + tagger.encoder.fingerprint.encode()).hexdigest()[:16]
    if everything and corpus.fact(BY) not in (mark, f"{mark} at work"):
        with corpus.transaction():
            corpus.set_fact(BY, f"{mark} at work")
            corpus.set_fact(THROUGH, "0")
    through, changed, done = int(corpus.fact(THROUGH) or 0), 0, 0
    total = _count(corpus, through)
    while rows := corpus.connection.execute(
        "SELECT id, context, question, answer FROM exchanges WHERE id > ? ORDER BY id LIMIT ?", (through, BATCH)
    ).fetchall():
        masked = _masked(tagger, rows)
        through, done = int(rows[-1][0]), done + len(rows)
        with corpus.transaction() as connection:
            new = [(*after[1:], after[0]) for before, after in zip(rows, masked, strict=True) if before != after]
            connection.executemany("UPDATE exchanges SET context = ?, question = ?, answer = ? WHERE id = ?", new)
            corpus.set_fact(THROUGH, str(through))
            if new:
                corpus.touch()
        changed += len(new)
        tell(Step("mask", done, total))
    if corpus.fact(BY) != mark and (everything or corpus.fact(BY) is None):
        with corpus.transaction():
            corpus.set_fact(BY, mark)
    return changed


def unmasked(corpus: Corpus, everything: bool) -> bool:
    """Return whether there may be something to mask; False spares loading the encoder."""
    return everything or _count(corpus, int(corpus.fact(THROUGH) or 0)) > 0


def _count(corpus: Corpus, through: int) -> int:
    return int(corpus.connection.execute("SELECT count(*) FROM exchanges WHERE id > ?", (through,)).fetchone()[0])


def _masked(tagger: EncoderTagger, rows: Sequence[tuple[int, str, str, str]]) -> list[tuple[int, str, str, str]]:
    """The rows with each line of their texts masked; lines that the tagger can't read stay as they are."""
    lines = [line for row in rows for text in row[1:] for line in str(text).split("\n")]
    wanted = [line for line in dict.fromkeys(lines) if line and not CJK.search(line)]
    found = zip(wanted, tagger.read(wanted), strict=True)
    known = {line: mask_mentions(line, mentions) for line, mentions in found}

    def masked(text: str) -> str:
        return "\n".join(known.get(line, line) for line in text.split("\n"))

    return [(row[0], masked(row[1]), masked(row[2]), masked(row[3])) for row in rows]
