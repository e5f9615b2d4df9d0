"""Open a bundle, every byte of it checked, and serve the newest good one.

`write_bundle` and the names of what lies on disk are offered here too: this is the room's door to bundles.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from retrieval.encoder import Encoder, fingerprint_from
from retrieval.errors import BundleError, BundleMismatch, NoBundle
from retrieval.index import VectorIndex
from retrieval.manifest import (
    ENCODER,
    ID,
    INDEX,
    Manifest,
    bundle_ids,
    check_file,
    check_index,
    current_id,
    read_manifest,
    set_current,
)
from retrieval.publish import width_of, write_bundle

__all__ = [
    "INDEX",
    "Bundle",
    "CurrentBundle",
    "Manifest",
    "bundle_ids",
    "current_id",
    "open_bundle",
    "set_current",
    "width_of",
    "write_bundle",
]

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Bundle:
    """A bundle whose every file has been checked; the index is open, the encoder is not loaded yet."""

    id: str
    path: Path
    manifest: Manifest
    index: VectorIndex | None

    @property
    def fingerprint(self) -> str:
        """The encoder's fingerprint."""
        return str(self.manifest.encoder["fingerprint"])

    @property
    def encoder_dir(self) -> Path:
        """The folder the encoder is loaded from."""
        return self.path / ENCODER

    @property
    def thresholds(self) -> Mapping[str, float]:
        """The thresholds evaluation picked, by name."""
        return self.manifest.thresholds

    def file(self, name: str) -> Path | None:
        """Return the path of a checked file such as "intents.json", or None if this bundle has none."""
        return self.path / name if name in self.manifest.files else None


def open_bundle(home: Path, bundle_id: str | None = None) -> Bundle:
    """Return the named (or current) bundle after checking every byte of it, before FAISS sees any.

    Raises NoBundle if there is none, BundleDamaged if a file is not what the manifest says, BundleMismatch if the index
    was built by another encoder.
    """
    bundle_id = bundle_id or current_id(home)
    path = home / "models" / bundle_id
    if not ID.fullmatch(bundle_id) or not path.is_dir():
        raise NoBundle(
            f"there is no bundle {bundle_id!r} in {home / 'models'}; it has {', '.join(bundle_ids(home)) or 'none'}"
        )
    manifest = read_manifest(path)
    for name, expected in manifest.files.items():
        check_file(path, name, expected)
    encoder_sums = {
        name.removeprefix(f"{ENCODER}/"): str(about["sha256"])
        for name, about in manifest.files.items()
        if name.startswith(f"{ENCODER}/")
    }
    if fingerprint_from(encoder_sums) != manifest.encoder["fingerprint"]:
        raise BundleMismatch(
            f"the encoder in bundle {bundle_id} is not the {manifest.encoder['fingerprint']} it claims to be"
        )
    index = VectorIndex.from_file(str(path / INDEX)) if INDEX in manifest.files else None
    if index is not None:
        check_index(index, manifest, f"bundle {bundle_id}")
    return Bundle(bundle_id, path, manifest, index)


class CurrentBundle:
    """The bundle that serves: takes up a newer one when it appears, and keeps the last good one if that is broken.

    `get` is cheap enough for every turn and safe from many threads: one of them loads, the others go on.
    """

    def __init__(
        self, home: Path, *, open_encoder: Callable[[Bundle], Encoder] | None = None, every_s: float = 0.1
    ) -> None:
        self._home = home
        self._pointer = home / "models" / "current"
        self._open_encoder = open_encoder
        self._every_s = every_s
        self._lock = threading.Lock()
        self._bundle: Bundle | None = None
        self._encoder: Encoder | None = None
        self._seen: tuple[int, ...] | None = None
        self._next_look = 0.0
        self.problem: str | None = None
        """Why the newest bundle does not serve, in a sentence; None while it does."""

    def get(self) -> Bundle:
        """Return the newest good bundle. Raises the reason only if there has never been a good one."""
        bundle = self._bundle
        if bundle is not None and time.monotonic() < self._next_look:
            return bundle
        if not self._lock.acquire(blocking=bundle is None):
            assert bundle is not None
            return bundle
        try:
            self._look()
            assert self._bundle is not None
            return self._bundle
        finally:
            self._lock.release()

    def encoder(self) -> Encoder:
        """Return the current bundle's encoder, loaded again only when its fingerprint has changed."""
        bundle = self.get()
        with self._lock:
            if self._encoder is None or self._encoder.fingerprint != bundle.fingerprint:
                self._encoder = self._load_encoder(bundle)
            return self._encoder

    def _look(self) -> None:
        seen = self._stat()
        self._next_look = time.monotonic() + self._every_s
        if self._bundle is not None and seen == self._seen:
            return
        try:
            wanted = current_id(self._home)
            if self._bundle is None or wanted != self._bundle.id:
                self._bundle = open_bundle(self._home, wanted)
                log.info("bundle %s serves", wanted)
            self.problem = None
        except BundleError as error:
            if self._bundle is None:
                raise
            self.problem = f"{error}; bundle {self._bundle.id} serves on"
            log.error("%s", self.problem)
        self._seen = seen

    def _stat(self) -> tuple[int, ...] | None:
        try:
            status = self._pointer.stat()
        except OSError:
            return None
        return (status.st_ino, status.st_mtime_ns, status.st_size)

    def _load_encoder(self, bundle: Bundle) -> Encoder:
        if self._open_encoder is not None:
            return self._open_encoder(bundle)
        from retrieval.encoder import SentenceEncoder

        return SentenceEncoder(bundle.encoder_dir, fingerprint=bundle.fingerprint)
