"""Publishing, carrying over, refusing what is damaged, and serving on."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from retrieval_fakes import HashingEncoder

from retrieval.bundle import CurrentBundle, bundle_ids, current_id, open_bundle, set_current, write_bundle
from retrieval.errors import BundleDamaged, BundleError, BundleMismatch, NoBundle
from retrieval.index import VectorIndex


def index_of(encoder: HashingEncoder, *texts: str) -> VectorIndex:
    return VectorIndex.build(encoder.encode(texts), range(1, len(texts) + 1), encoder.fingerprint)


def publish(home: Path, encoder: HashingEncoder, *texts: str) -> str:
    return write_bundle(home, index=index_of(encoder, *texts), encoder_dir=encoder.folder, base_encoder="hashing")


def damage(path: Path, at: int = -1) -> None:
    blob = bytearray(path.read_bytes())
    blob[at] ^= 1
    path.unlink()  # a hard link: the other bundles' copy must stay whole
    path.write_bytes(blob)


def test_what_was_written_is_what_is_opened(home: Path, encoder: HashingEncoder) -> None:
    bundle_id = write_bundle(
        home,
        index=index_of(encoder, "a b", "c d"),
        encoder_dir=encoder.folder,
        base_encoder="hashing",
        extra_files={"intents.json": b"{}", "notes.json": encoder.folder / "config.json"},
        thresholds={"answer": 0.5},
        thresholds_source="a test",
        metrics={"recall": 1.0},
        data={"index": "abc"},
        recipe={"epochs": 3},
    )
    bundle = open_bundle(home)
    assert (bundle.id, bundle.fingerprint, dict(bundle.thresholds)) == (bundle_id, encoder.fingerprint, {"answer": 0.5})
    assert bundle.index is not None
    assert len(bundle.index) == 2
    assert bundle.file("intents.json") == bundle.path / "intents.json"
    assert bundle.file("tagger.json") is None
    assert HashingEncoder(bundle.encoder_dir).fingerprint == encoder.fingerprint
    assert bundle.manifest.encoder["base"] == "hashing"


def test_what_is_not_given_is_carried_by_hard_link(home: Path, encoder: HashingEncoder) -> None:
    first = write_bundle(
        home, index=index_of(encoder, "a"), encoder_dir=encoder.folder, extra_files={"intents.json": b"{}"},
        thresholds={"answer": 0.5}, thresholds_source="x", metrics={"a": 1},
    )  # fmt: skip
    second = write_bundle(home, index=index_of(encoder, "a", "b"), metrics={"b": 2})
    bundle = open_bundle(home)
    assert bundle.id == second
    assert bundle.manifest.metrics == {"a": 1, "b": 2}
    assert (bundle.thresholds, bundle.manifest.thresholds_source) == ({"answer": 0.5}, "x")
    for name in ("intents.json", "encoder/model.safetensors"):
        assert (home / "models" / first / name).stat().st_ino == (home / "models" / second / name).stat().st_ino


def test_named_files_are_left_behind(home: Path, encoder: HashingEncoder) -> None:
    write_bundle(home, encoder_dir=encoder.folder, extra_files={"intents.json": b"{}"})
    write_bundle(home, drop=["intents.json"])
    assert open_bundle(home).file("intents.json") is None


def test_heads_do_not_follow_onto_another_encoder(home: Path, encoder: HashingEncoder, tmp_path: Path) -> None:
    write_bundle(home, index=index_of(encoder, "a"), encoder_dir=encoder.folder, extra_files={"intents.json": b"{}"})
    other = HashingEncoder(tmp_path / "other", seed=1)
    write_bundle(home, index=index_of(other, "a"), encoder_dir=other.folder)
    bundle = open_bundle(home)
    assert (bundle.fingerprint, bundle.file("intents.json")) == (other.fingerprint, None)


def test_an_index_by_another_encoder_is_not_published(home: Path, encoder: HashingEncoder, tmp_path: Path) -> None:
    first = publish(home, encoder, "a")
    other = HashingEncoder(tmp_path / "other", seed=1)
    with pytest.raises(BundleMismatch, match=f"{encoder.fingerprint}.*{other.fingerprint}.*--rebuild"):
        write_bundle(home, encoder_dir=other.folder)
    assert (current_id(home), bundle_ids(home)) == (first, [first])


def test_the_first_bundle_needs_an_encoder(home: Path) -> None:
    with pytest.raises(NoBundle, match="nightdesk ingest"):
        write_bundle(home, extra_files={"intents.json": b"{}"})


@pytest.mark.parametrize("name", ["../evil", "a/b", "manifest.json", "index.safetensors", ".hidden", "encoder"])
def test_a_file_cannot_be_put_anywhere_else(home: Path, encoder: HashingEncoder, name: str) -> None:
    with pytest.raises(BundleError, match="plain file name"):
        write_bundle(home, encoder_dir=encoder.folder, extra_files={name: b""})


def test_the_response_models_adapter_lies_in_its_own_folder_and_goes_with_any_encoder(
    home: Path, encoder: HashingEncoder, tmp_path: Path
) -> None:
    write_bundle(home, encoder_dir=encoder.folder, extra_files={"response/base.json": b"{}", "intents.json": b"{}"})
    carried = open_bundle(home, write_bundle(home))
    assert carried.file("response/base.json") is not None
    other = HashingEncoder(tmp_path / "other", seed=1)
    tuned = open_bundle(home, write_bundle(home, encoder_dir=other.folder))
    assert tuned.file("response/base.json") is not None
    assert tuned.file("intents.json") is None


def test_the_newest_three_and_the_current_one_are_kept(home: Path, encoder: HashingEncoder) -> None:
    ids = [publish(home, encoder, *"abcdefg"[: n + 1]) for n in range(3)]
    set_current(home, ids[0])
    ids.append(write_bundle(home, metrics={"n": 1}))
    assert bundle_ids(home) == ids[1:]
    set_current(home, ids[1])
    assert current_id(home) == ids[1]
    with pytest.raises(NoBundle, match="there is no bundle"):
        set_current(home, ids[0])


@pytest.mark.parametrize("name", ["index.safetensors", "encoder/model.safetensors", "intents.json", "manifest.json"])
def test_a_flipped_bit_is_refused_before_anything_is_loaded(home: Path, encoder: HashingEncoder, name: str) -> None:
    bundle_id = write_bundle(
        home, index=index_of(encoder, "a"), encoder_dir=encoder.folder, extra_files={"intents.json": b"{ }"}
    )
    damage(home / "models" / bundle_id / name, at=-2)
    with pytest.raises(BundleDamaged, match=bundle_id):
        open_bundle(home)


def test_every_byte_of_an_index_is_checked(home: Path, encoder: HashingEncoder) -> None:
    bundle_id = publish(home, encoder, "a", "b", "c")
    path = home / "models" / bundle_id / "index.safetensors"
    whole = path.read_bytes()
    for at in range(0, len(whole), 97):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 0x10]) + whole[at + 1 :])
        with pytest.raises(BundleDamaged, match=r"index\.safetensors"):
            open_bundle(home)


@pytest.mark.parametrize("content", ["", "../../etc", "0001-xyz", "x" * 100])
def test_a_pointer_that_is_no_id_is_refused(home: Path, encoder: HashingEncoder, content: str) -> None:
    publish(home, encoder, "a")
    (home / "models" / "current").write_text(content)
    with pytest.raises(BundleDamaged, match="no bundle id"):
        open_bundle(home)


def test_without_a_bundle_the_sentence_says_what_to_run(home: Path) -> None:
    with pytest.raises(NoBundle, match="nightdesk ingest"):
        CurrentBundle(home).get()


def test_a_newer_bundle_is_taken_up(home: Path, encoder: HashingEncoder) -> None:
    first = publish(home, encoder, "a")
    current = CurrentBundle(home, every_s=0)
    assert current.get().id == first
    second = publish(home, encoder, "a", "b")
    assert (current.get().id, current.problem) == (second, None)


def test_a_damaged_newer_bundle_is_said_and_the_last_good_one_serves_on(home: Path, encoder: HashingEncoder) -> None:
    first = publish(home, encoder, "a")
    current = CurrentBundle(home, every_s=0)
    good = current.get()
    second = publish(home, encoder, "a", "b")
    damage(home / "models" / second / "index.safetensors")
    assert current.get() is good
    assert current.problem is not None
    assert second in current.problem
    assert f"{first} serves on" in current.problem
    third = publish(home, encoder, "a", "b", "c")
    assert (current.get().id, current.problem) == (third, None)


def test_a_process_that_starts_on_a_damaged_bundle_says_so(home: Path, encoder: HashingEncoder) -> None:
    damage(home / "models" / publish(home, encoder, "a") / "index.safetensors")
    with pytest.raises(BundleDamaged):
        CurrentBundle(home).get()


def test_the_encoder_is_loaded_again_only_when_it_is_another(
    home: Path, encoder: HashingEncoder, tmp_path: Path
) -> None:
    publish(home, encoder, "a")
    current = CurrentBundle(home, every_s=0, open_encoder=lambda bundle: HashingEncoder(bundle.encoder_dir))
    loaded = current.encoder()
    publish(home, encoder, "a", "b")
    assert current.encoder() is loaded
    other = HashingEncoder(tmp_path / "other", seed=1)
    publish(home, other, "a")
    assert current.encoder().fingerprint == other.fingerprint


def test_readers_never_see_anything_but_whole_bundles(home: Path, encoder: HashingEncoder) -> None:
    publish(home, encoder, "a")
    stop = threading.Event()
    seen: set[str] = set()
    failed: list[BaseException] = []

    def read() -> None:
        current = CurrentBundle(home, every_s=0)
        while not stop.is_set():
            try:
                seen.add(current.get().id)
                assert current.problem is None
            except BaseException as error:
                failed.append(error)

    threads = [threading.Thread(target=read) for _ in range(3)]
    for thread in threads:
        thread.start()
    written = [write_bundle(home, metrics={"n": n}, keep=10) for n in range(8)]
    time.sleep(0.05)
    stop.set()
    for thread in threads:
        thread.join()
    assert not failed
    assert written[-1] in seen


def test_corrupt_bytes_carried_over_are_not_given_a_good_name(home: Path, encoder: HashingEncoder) -> None:
    first = write_bundle(
        home, index=index_of(encoder, "a"), encoder_dir=encoder.folder, extra_files={"intents.json": b"{ }"}
    )
    damage(home / "models" / first / "intents.json")
    write_bundle(home, index=index_of(encoder, "a", "b"))
    assert open_bundle(home).file("intents.json") is None
    damage(home / "models" / current_id(home) / "encoder" / "model.safetensors")
    with pytest.raises(BundleDamaged, match="encoder"):
        write_bundle(home, metrics={"n": 1})


def test_a_writer_killed_anywhere_leaves_a_bundle_that_opens(home: Path, encoder: HashingEncoder) -> None:
    publish(home, encoder, "a")
    child = (
        "import sys, pathlib, retrieval.bundle as b\n"
        "print('ready', flush=True)\n"
        "for n in range(10**6): b.write_bundle(pathlib.Path(sys.argv[1]), metrics={'n': n})\n"
    )
    for wait in (0.0, 0.02, 0.05, 0.11):
        process = subprocess.Popen([sys.executable, "-c", child, str(home)], stdout=subprocess.PIPE, cwd=os.getcwd())
        assert process.stdout is not None
        process.stdout.readline()
        time.sleep(wait)
        process.kill()
        process.wait()
        process.stdout.close()
        assert open_bundle(home).index is not None
    write_bundle(home, metrics={"last": 1})
    assert not list((home / "models").glob(".new-*"))
    assert len(bundle_ids(home)) <= 4


def test_a_manifest_is_plain_json_with_a_sum_for_every_file(home: Path, encoder: HashingEncoder) -> None:
    bundle_id = publish(home, encoder, "a")
    folder = home / "models" / bundle_id
    manifest = json.loads((folder / "manifest.json").read_text())
    on_disk = {p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file()} - {"manifest.json"}
    assert set(manifest["files"]) == on_disk
    assert all(len(about["sha256"]) == 64 for about in manifest["files"].values())
