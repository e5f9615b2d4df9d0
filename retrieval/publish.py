"""Publish a bundle: put its parts together, seal them with sums, and make it the one that serves."""

from __future__ import annotations

import fcntl
import json
import logging
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType
from typing import Any

from retrieval.encoder import fingerprint_of, model_files
from retrieval.errors import BundleDamaged, BundleError, BundleMismatch, NoBundle
from retrieval.index import VectorIndex
from retrieval.manifest import (
    ENCODER,
    INDEX,
    RESPONSE,
    Manifest,
    bundle_ids,
    check_file,
    check_index,
    current_id,
    read_manifest,
    set_current,
    short_hash,
    sync,
)
from retrieval.weights import sha256_of

log = logging.getLogger(__name__)

NOTHING: Mapping[str, Any] = MappingProxyType({})


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
            bundle_id = f"{_next_number(models):04d}-{short_hash(text)}"
            _sync_tree(staging)
            staging.chmod(0o755)
            os.rename(staging, models / bundle_id)
        finally:
            shutil.rmtree(staging, ignore_errors=True)
        sync(models)
        set_current(home, bundle_id)
        _prune(models, bundle_id, keep)
    return bundle_id


Old = tuple[str, Manifest] | None


def _current_manifest(models: Path) -> Old:
    """The bundle to carry from; None if nothing was published, or nothing that can be read."""
    try:
        bundle_id = current_id(models.parent)
        return bundle_id, read_manifest(models / bundle_id)
    except NoBundle:
        return None
    except BundleDamaged as error:
        log.warning("%s; nothing is carried over from it", error)
        return None


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
        plain = name.removeprefix(f"{RESPONSE}/")
        if plain != Path(plain).name or plain in (INDEX, "manifest.json", ENCODER, RESPONSE) or plain.startswith("."):
            raise BundleError(f"{name!r} cannot be a file of a bundle; give a plain file name")
        (staging / name).parent.mkdir(exist_ok=True)
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
        if not same_encoder and name != INDEX and not name.startswith(f"{RESPONSE}/"):
            log.warning("%s of bundle %s belongs to another encoder and is left behind; train it again", name, old_id)
            continue
        (staging / name).parent.mkdir(exist_ok=True)
        try:
            _link(models / old_id / name, staging / name)
            check_file(staging, name, about)
        except (OSError, BundleDamaged):
            (staging / name).unlink(missing_ok=True)
            log.warning("%s of bundle %s is damaged and is left behind", name, old_id)


def _check_fit(manifest: Manifest, staging: Path) -> None:
    """Refuse to publish what no reader would open; the index is read back from disk."""
    if INDEX in manifest.files:
        check_index(VectorIndex.from_file(str(staging / INDEX)), manifest, "the new bundle")


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


def _sync_tree(folder: Path) -> None:
    for path in folder.rglob("*"):
        if path.is_dir() or path.stat().st_nlink == 1:  # linked files were synced when they were first written
            sync(path)
    sync(folder)
