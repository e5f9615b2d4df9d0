"""Is retrieval fit to serve? One row a check, each failing one with the way to mend it."""

from __future__ import annotations

import importlib.metadata
from dataclasses import dataclass
from pathlib import Path

from retrieval.bundle import open_bundle
from retrieval.corpus import check_readable
from retrieval.errors import BundleError, CorpusError, NoBundle, RetrievalError
from retrieval.settings import Settings
from retrieval.weights import MINILM, WEIGHTS, ensure_weights, resolve_encoder


@dataclass(frozen=True, slots=True)
class Row:
    """One check: what was looked at, whether it is well, and what to do if it is not."""

    what: str
    ok: bool
    mend: str = ""


def check(home: Path, settings: Settings) -> list[Row]:
    """Look at FAISS, the encoder's weights, the corpus and the bundle; nothing is changed, no model is loaded."""
    return [_faiss(_installed()), _weights(home, settings), _corpus(home), _bundle(home)]


def mend(home: Path, settings: Settings) -> None:
    """Fetch the encoder's weights if they are missing; the rest is not for a program to decide."""
    resolve_encoder(settings.encoder, home / WEIGHTS)


def _installed() -> frozenset[str]:
    return frozenset(name for name in ("faiss-cpu", "faiss-gpu") if _has(name))


def _has(distribution: str) -> bool:
    try:
        importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return False
    return True


def _faiss(installed: frozenset[str]) -> Row:
    """Both wheels own the module `faiss`: the later one overwrites the other, and removing either breaks both."""
    if len(installed) == 2:
        mend = "faiss-cpu and faiss-gpu overwrite each other: uninstall both, then install one (extra `cpu` or `gpu`)"
        return Row("faiss: both faiss-cpu and faiss-gpu are installed", False, mend)
    if not installed:
        return Row("faiss is not installed", False, "install the extra `cpu` (or `gpu`), as `make setup` does")
    return Row(f"faiss: {next(iter(installed))}", True)


def _weights(home: Path, settings: Settings) -> Row:
    folder = home / WEIGHTS / MINILM.name
    if settings.encoder != MINILM.name:
        known = (
            Path(settings.encoder).expanduser().is_dir()
            or (home / WEIGHTS / settings.encoder.replace("/", "--")).is_dir()
        )
        return Row(f"encoder {settings.encoder!r}", known, "run `nightdesk doctor --mend` with the network on")
    if not (folder / MINILM.weight_file).is_file():
        return Row(
            f"encoder weights in {folder} are missing", False, "run `nightdesk doctor --mend` with the network on"
        )
    try:
        ensure_weights(home / WEIGHTS, MINILM)
    except RetrievalError as error:
        return Row(f"encoder weights: {error}", False, f"delete {folder}, then run `nightdesk doctor --mend`")
    return Row("encoder weights: minilm", True)


def _corpus(home: Path) -> Row:
    try:
        check_readable(home)
    except CorpusError as error:
        return Row(f"corpus: {error}", False, "run `nightdesk ingest PATH…`; restore corpus.db from a copy if damaged")
    return Row("corpus.db", True)


def _bundle(home: Path) -> Row:
    try:
        bundle = open_bundle(home)
    except NoBundle as error:
        return Row(f"bundle: {error}", False, "run `nightdesk ingest PATH…`")
    except BundleError as error:
        return Row(f"bundle: {error}", False, "run `nightdesk rollback`, or `nightdesk ingest` again")
    rows = len(bundle.index) if bundle.index is not None else 0
    return Row(f"bundle {bundle.id}: encoder {bundle.fingerprint}, {rows} vectors", True)
