"""One versioned folder that joins encoder, index and heads, and the file that says which one serves.

    models/current                  the id of the bundle that serves, replaced atomically
    models/<id>/manifest.json       what belongs together: checksums, encoder, thresholds, metrics, data hashes
    models/<id>/encoder/            the encoder's files, hard links where the file system allows
    models/<id>/index.safetensors   vectors and the passages they lead to
    models/<id>/…                   heads, written by finetune and only carried here

The id is a running number and a hash of the manifest, so a damaged manifest is noticed too.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import logging
import os
import re
import shutil
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType
from typing import Any

from retrieval.encoder import Encoder, fingerprint_from, fingerprint_of, model_files
from retrieval.errors import BundleDamaged, BundleError, BundleMismatch, NoBundle
from retrieval.index import VectorIndex
from retrieval.weights import sha256_of

log = logging.getLogger(__name__)

FORMAT = 1
INDEX = "index.safetensors"
ENCODER = "encoder"
ID = re.compile(r"\d{4,}-[0-9a-f]{10}")
NOTHING: Mapping[str, Any] = MappingProxyType({})


@dataclass(frozen=True)
class Manifest:
    """What a bundle says of itself.

    encoder: base, base_fingerprint, fingerprint, width. files: name → {sha256, bytes}. data: name → hash of what the
    parts were made from. thresholds: name → number, and thresholds_source tells who picked them.
    """

    created: str
    encoder: Mapping[str, Any]
    files: Mapping[str, Mapping[str, Any]]
    data: Mapping[str, str] = field(default_factory=dict)
    metrics: Mapping[str, Any] = field(default_factory=dict)
    thresholds: Mapping[str, float] = field(default_factory=dict)
    thresholds_source: str = ""
    recipe: Mapping[str, Any] = field(default_factory=dict)
    format: int = FORMAT

    def to_json(self) -> str:
        """Return the manifest as stable JSON."""
        return json.dumps(asdict(self), indent=1, sort_keys=True, ensure_ascii=False) + "\n"


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


def write_bundle(
    home: Path,
    *,
    index: VectorIndex | None = None,
    encoder_dir: Path | None = None,
    base_encoder: str | None = None,
    extra_files: Mapping[str, Path | bytes] = NOTHING,
    data: Mapping[str, str] = NOTHING,
    metrics: Mapping[str, Any] = NOTHING,
    thresholds: Mapping[str, float] | None = None,
    thresholds_source: str | None = None,
    recipe: Mapping[str, Any] = NOTHING,
    drop: Sequence[str] = (),
    keep: int = 3,
) -> str:
    """Publish a new bundle and make it the current one; return its id.

    What is not given is carried over from the current bundle: files by hard link; data, metrics and recipe merged
    key by key; thresholds as a whole. `drop` names carried files to leave behind. `base_encoder` says by which name
    `encoder_dir` was asked for; without it the folder counts as a fine-tuned form of the current base.
    Heads carried onto an encoder with another fingerprint are left behind, since they would read noise.
    A killed writer leaves nothing a reader would take up.
    Raises BundleMismatch if index and encoder do not belong together.
    """
    models = home / "models"
    models.mkdir(parents=True, exist_ok=True)
    with _locked(models / ".lock"):
        _sweep(models)
        old = _current_manifest(models)
        staging = Path(tempfile.mkdtemp(prefix=".new-", dir=models))
        try:
            encoder = _place_encoder(staging, models, old, encoder_dir, base_encoder)
            _place_files(staging, models, old, index, extra_files, drop, str(encoder["fingerprint"]))
            manifest = Manifest(
                created=datetime.now(UTC).isoformat(timespec="seconds"),
                encoder=encoder,
                files=_sums(staging),
                data=_merged(old, "data", data),
                metrics=_merged(old, "metrics", metrics),
                thresholds=dict(thresholds if thresholds is not None else old[1].thresholds if old else {}),
                thresholds_source=_chosen(thresholds_source, old[1].thresholds_source if old else ""),
                recipe=_merged(old, "recipe", recipe),
            )
            _check_fit(manifest, staging)
            text = manifest.to_json()
            (staging / "manifest.json").write_text(text, "utf-8")
            bundle_id = f"{_next_number(models):04d}-{_short_hash(text)}"
            _sync_tree(staging)
            staging.chmod(0o755)
            os.rename(staging, models / bundle_id)
        finally:
            shutil.rmtree(staging, ignore_errors=True)
        _sync(models)
        set_current(home, bundle_id)
        _prune(models, bundle_id, keep)
    return bundle_id


def set_current(home: Path, bundle_id: str) -> None:
    """Make a published bundle the one that serves, atomically. Raises NoBundle if there is no such folder."""
    models = home / "models"
    if not ID.fullmatch(bundle_id) or not (models / bundle_id / "manifest.json").is_file():
        raise NoBundle(f"there is no bundle {bundle_id!r} in {models}; it has {', '.join(bundle_ids(home)) or 'none'}")
    draft = models / f".current-{os.getpid()}"
    with draft.open("w", encoding="utf-8") as opened:
        opened.write(bundle_id + "\n")
        opened.flush()
        os.fsync(opened.fileno())
    os.replace(draft, models / "current")
    _sync(models)


def bundle_ids(home: Path) -> list[str]:
    """Return the ids of the published bundles, oldest first."""
    models = home / "models"
    if not models.is_dir():
        return []
    return sorted((p.name for p in models.iterdir() if ID.fullmatch(p.name)), key=lambda name: int(name.split("-")[0]))


def current_id(home: Path) -> str:
    """Return the id in models/current. Raises NoBundle if nothing was published, BundleDamaged if it is no id."""
    path = home / "models" / "current"
    try:
        text = path.read_text("utf-8").strip()
    except FileNotFoundError:
        raise NoBundle(f"{home} has no bundle yet; run `nightdesk ingest PATH…` first") from None
    except (OSError, UnicodeDecodeError) as error:
        raise BundleDamaged(f"{path} cannot be read: {error}") from error
    if not ID.fullmatch(text):
        raise BundleDamaged(
            f"{path} holds {text[:40]!r}, which is no bundle id; run `nightdesk rollback` or ingest again"
        )
    return text


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
    manifest = _read_manifest(path)
    for name, expected in manifest.files.items():
        _check_file(path, name, expected)
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
        _check_index(index, manifest, f"bundle {bundle_id}")
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


Old = tuple[str, Manifest] | None


def _current_manifest(models: Path) -> Old:
    """The bundle to carry from; None if nothing was published, or nothing that can be read."""
    try:
        bundle_id = current_id(models.parent)
        return bundle_id, _read_manifest(models / bundle_id)
    except NoBundle:
        return None
    except BundleDamaged as error:
        log.warning("%s; nothing is carried over from it", error)
        return None


def _read_manifest(path: Path) -> Manifest:
    try:
        text = (path / "manifest.json").read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise BundleDamaged(f"bundle {path.name} has no readable manifest.json") from error
    if _short_hash(text) != path.name.split("-")[1]:
        raise BundleDamaged(f"manifest.json of bundle {path.name} was changed after it was written")
    content = json.loads(text)
    if content.get("format") != FORMAT:
        raise BundleDamaged(
            f"bundle {path.name} has format {content.get('format')}; this program reads format {FORMAT}"
        )
    return Manifest(**content)


def _check_file(path: Path, name: str, expected: Mapping[str, Any]) -> None:
    try:
        actual = sha256_of(path / name)
    except OSError as error:
        raise BundleDamaged(f"bundle {path.name} lacks {name}; run `nightdesk rollback` or ingest again") from error
    if actual != expected["sha256"]:
        raise BundleDamaged(
            f"{name} of bundle {path.name} has sha256 {actual[:12]}… but its manifest says {expected['sha256'][:12]}…; "
            "run `nightdesk rollback` or ingest again"
        )


def _check_index(index: VectorIndex, manifest: Manifest, where: str) -> None:
    encoder = manifest.encoder
    if index.fingerprint != encoder["fingerprint"]:
        raise BundleMismatch(
            f"the index of {where} was built by encoder {index.fingerprint} but {encoder['fingerprint']} is in it; "
            "rebuild it with `nightdesk ingest --rebuild`"
        )
    if index.width != encoder["width"]:
        raise BundleMismatch(f"the index of {where} has width {index.width}, its encoder {encoder['width']}")


def _place_encoder(
    staging: Path, models: Path, old: Old, encoder_dir: Path | None, base_encoder: str | None
) -> dict[str, Any]:
    if encoder_dir is None:
        if old is None:
            raise NoBundle("the first bundle needs an encoder; run `nightdesk ingest PATH…` first")
        _link_encoder(models / old[0] / ENCODER, staging / ENCODER)
        if fingerprint_of(staging / ENCODER) != old[1].encoder["fingerprint"]:
            raise BundleDamaged(f"the encoder of bundle {old[0]} is damaged; run `nightdesk rollback` or ingest again")
        return dict(old[1].encoder)
    _link_encoder(encoder_dir, staging / ENCODER)
    fingerprint = fingerprint_of(staging / ENCODER)
    about: dict[str, Any] = {"fingerprint": fingerprint, "width": width_of(staging / ENCODER)}
    if base_encoder is not None or old is None:
        return about | {"base": base_encoder or encoder_dir.name, "base_fingerprint": fingerprint}
    return about | {key: old[1].encoder[key] for key in ("base", "base_fingerprint")}


def _place_files(
    staging: Path,
    models: Path,
    old: Old,
    index: VectorIndex | None,
    extra_files: Mapping[str, Path | bytes],
    drop: Sequence[str],
    fingerprint: str,
) -> None:
    if index is not None:
        (staging / INDEX).write_bytes(index.to_bytes())
    for name, content in extra_files.items():
        if name != Path(name).name or name in (INDEX, "manifest.json", ENCODER) or name.startswith("."):
            raise BundleError(f"{name!r} cannot be a file of a bundle; give a plain file name")
        if isinstance(content, bytes):
            (staging / name).write_bytes(content)
        else:
            shutil.copyfile(content, staging / name)
    if old is None:
        return
    old_id, manifest = old
    same_encoder = manifest.encoder["fingerprint"] == fingerprint
    for name, about in manifest.files.items():
        if name.startswith(f"{ENCODER}/") or name in drop or (staging / name).exists():
            continue
        if not same_encoder and name != INDEX:
            log.warning("%s of bundle %s belongs to another encoder and is left behind; train it again", name, old_id)
            continue
        try:
            _link(models / old_id / name, staging / name)
            _check_file(staging, name, about)
        except (OSError, BundleDamaged):
            (staging / name).unlink(missing_ok=True)
            log.warning("%s of bundle %s is damaged and is left behind", name, old_id)


def _check_fit(manifest: Manifest, staging: Path) -> None:
    """Refuse to publish what no reader would open; the index is read back from disk."""
    if INDEX in manifest.files:
        _check_index(VectorIndex.from_file(str(staging / INDEX)), manifest, "the new bundle")


def width_of(encoder_dir: Path) -> int:
    """D as the folder states it: the pooling or dense module's width, else the transformer's."""
    for pattern, key in (
        ("*_Dense/config.json", "out_features"),
        ("*_Pooling/config.json", "word_embedding_dimension"),
        ("*_Pooling/config.json", "embedding_dimension"),
        ("config.json", "hidden_size"),
    ):
        for path in sorted(encoder_dir.glob(pattern), reverse=True):
            width = json.loads(path.read_text("utf-8")).get(key)
            if isinstance(width, int):
                return width
    raise BundleMismatch(f"{encoder_dir} does not say how wide its vectors are; give a sentence-transformers folder")


def _link_encoder(source: Path, target: Path) -> None:
    files = model_files(source)
    if not files:
        raise BundleError(f"{source} holds no model files to put into a bundle")
    for path in files:
        _link(path, target / path.relative_to(source))


def _link(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        os.link(source.resolve(), target)
    except OSError:  # another file system, or one without hard links
        shutil.copyfile(source, target)


def _sums(staging: Path) -> dict[str, dict[str, Any]]:
    files = sorted(path for path in staging.rglob("*") if path.is_file())
    return {
        path.relative_to(staging).as_posix(): {"sha256": sha256_of(path), "bytes": path.stat().st_size}
        for path in files
    }


def _merged(old: Old, name: str, new: Mapping[str, Any]) -> dict[str, Any]:
    return {**(getattr(old[1], name) if old else {}), **new}


def _chosen(new: str | None, old: str) -> str:
    return old if new is None else new


def _short_hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:10]


def _next_number(models: Path) -> int:
    return max((int(name.split("-")[0]) for name in bundle_ids(models.parent)), default=0) + 1


def _prune(models: Path, current: str, keep: int) -> None:
    """Delete all but the newest `keep` bundles; never the current one."""
    for name in bundle_ids(models.parent)[:-keep]:
        if name != current:
            shutil.rmtree(models / name, ignore_errors=True)


def _sweep(models: Path) -> None:
    """Remove what killed writers left; we hold the lock, so nobody is writing."""
    for path in [*models.glob(".new-*"), *models.glob(".current-*")]:
        shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Wait for the lock on `path`; the kernel frees it when the holder dies."""
    with path.open("w") as opened:
        fcntl.flock(opened, fcntl.LOCK_EX)
        yield


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _sync_tree(folder: Path) -> None:
    for path in folder.rglob("*"):
        if path.is_dir() or path.stat().st_nlink == 1:  # linked files were synced when they were first written
            _sync(path)
    _sync(folder)
