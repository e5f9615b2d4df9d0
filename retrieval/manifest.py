"""The words of a bundle on disk: its manifest, its id, and the file that says which one serves.

    models/current                  the id of the bundle that serves, replaced atomically
    models/<id>/manifest.json       what belongs together: checksums, encoder, thresholds, metrics, data hashes
    models/<id>/encoder/            the encoder's files, hard links where the file system allows
    models/<id>/index.safetensors   vectors and the passages they lead to
    models/<id>/response/           the response model's adapter and which base it goes onto; any encoder goes with it
    models/<id>/…                   heads, written by finetune and only carried here

The id is a running number and a hash of the manifest, so a damaged manifest is noticed too.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from retrieval.errors import BundleDamaged, BundleMismatch, NoBundle
from retrieval.index import VectorIndex
from retrieval.weights import sha256_of

FORMAT = 1
INDEX = "index.safetensors"
ENCODER = "encoder"
RESPONSE = "response"
ID = re.compile(r"\d{4,}-[0-9a-f]{10}")


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
    sync(models)


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


def read_manifest(path: Path) -> Manifest:
    try:
        text = (path / "manifest.json").read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise BundleDamaged(f"bundle {path.name} has no readable manifest.json") from error
    if short_hash(text) != path.name.split("-")[1]:
        raise BundleDamaged(f"manifest.json of bundle {path.name} was changed after it was written")
    content = json.loads(text)
    if content.get("format") != FORMAT:
        raise BundleDamaged(
            f"bundle {path.name} has format {content.get('format')}; this program reads format {FORMAT}"
        )
    return Manifest(**content)


def check_file(path: Path, name: str, expected: Mapping[str, Any]) -> None:
    try:
        actual = sha256_of(path / name)
    except OSError as error:
        raise BundleDamaged(f"bundle {path.name} lacks {name}; run `nightdesk rollback` or ingest again") from error
    if actual != expected["sha256"]:
        raise BundleDamaged(
            f"{name} of bundle {path.name} has sha256 {actual[:12]}… but its manifest says {expected['sha256'][:12]}…; "
            "run `nightdesk rollback` or ingest again"
        )


def check_index(index: VectorIndex, manifest: Manifest, where: str) -> None:
    encoder = manifest.encoder
    if index.fingerprint != encoder["fingerprint"]:
        raise BundleMismatch(
            f"the index of {where} was built by encoder {index.fingerprint} but {encoder['fingerprint']} is in it; "
            "rebuild it with `nightdesk ingest --rebuild`"
        )
    if index.width != encoder["width"]:
        raise BundleMismatch(f"the index of {where} has width {index.width}, its encoder {encoder['width']}")


def short_hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:10]


def sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
