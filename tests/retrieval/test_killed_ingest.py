"""An ingest killed at every step it takes, and started again, ends as one nobody disturbed."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from retrieval_fakes import KEY, HashingEncoder, thread, write_rows

from retrieval.bundle import open_bundle
from retrieval.corpus import Corpus

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
Run = Callable[[Path, int], int]

DUMPED = {
    "sources": "path, name, root",
    "documents": "id, kind, source_id, external_id, content_hash, customer_id, at, channel",
    "customers": "id, tag",
    "exchanges": "*",
    "pieces": "*",
    "passages": "*",
    "routes": "*",
    "passage_exchanges": "*",
    "passage_words": "rowid, *",
    "vectors": "fingerprint, text_hash, vector",
}


def dump(home: Path) -> dict[str, list[Any]]:
    """Everything the corpus says, but for times and what is random in encryption; raw turns opened."""
    with Corpus.read(home, KEY) as corpus:
        rows = corpus.connection.execute
        said = {table: sorted(map(repr, rows(f"SELECT {columns} FROM {table}"))) for table, columns in DUMPED.items()}
        transcripts = [row[0] for row in rows("SELECT id FROM documents WHERE kind = 'transcript' ORDER BY id")]
        said["turns"] = [corpus.turns(number) for number in transcripts]
    return said


def index_bytes(home: Path) -> bytes:
    return (open_bundle(home).path / "index.safetensors").read_bytes()


@pytest.fixture
def sources(tmp_path: Path) -> list[Path]:
    folder = tmp_path / "articles"
    folder.mkdir()
    for topic in ("pots", "plants"):
        (folder / f"{topic}.md").write_text(
            f"# About {topic}\n\nThese {topic} are sold by weight.\n\n## More\n\nAnd by colour.\n"
        )
    say = "The answer about number {0} is on the page about {1}."
    rows = [
        thread(n, f"What about {n}?", say.format(n % 9, "pots"), f"And {n * 7}?", "I've sent it.", customer=f"C{n % 6}")
        for n in range(45)
    ]
    return [folder, write_rows(tmp_path / "t.jsonl", [*rows, "{broken"])]


@pytest.fixture
def run(tmp_path: Path, encoder: HashingEncoder, sources: list[Path]) -> Iterator[Run]:
    command = [sys.executable, str(HERE / "ingest_child.py"), "unset", str(encoder.folder), *map(str, sources)]
    process = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT, env=_environment()
    )
    assert process.stdin is not None
    assert process.stdout is not None

    def one(home: Path, kill_at: int) -> int:
        process.stdin.write(f"home {home}\n{kill_at}\n")  # type: ignore[union-attr]
        process.stdin.flush()  # type: ignore[union-attr]
        return int(process.stdout.readline())  # type: ignore[union-attr]

    yield one
    process.stdin.close()
    process.wait(timeout=10)
    process.stdout.close()


def _environment() -> dict[str, str]:
    import os

    return os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}


def test_killed_at_every_step_and_started_again_it_ends_the_same(run: Run, tmp_path: Path) -> None:
    quiet = tmp_path / "quiet"
    assert run(quiet, 0) == 0
    expected, expected_index = dump(quiet), index_bytes(quiet)
    steps = 0
    while True:
        steps += 1
        home = tmp_path / f"killed-{steps}"
        code = run(home, steps)
        if code == 0:
            break
        assert code == -9
        assert run(home, 0) == 0
        assert dump(home) == expected
        assert index_bytes(home) == expected_index
    assert steps > 15


def test_killed_again_and_again_it_still_arrives(run: Run, tmp_path: Path) -> None:
    quiet, home = tmp_path / "quiet", tmp_path / "home"
    assert run(quiet, 0) == 0
    kills = 0
    for step in (2, 3, 5, 7, 4, 6, 8, 9, 3, 5):
        kills += run(home, step) == -9
    assert run(home, 0) == 0
    assert kills > 5
    assert dump(home) == dump(quiet)
    assert index_bytes(home) == index_bytes(quiet)


def test_a_later_ingest_that_changes_and_removes_is_as_safe(run: Run, tmp_path: Path, sources: list[Path]) -> None:
    before, quiet = tmp_path / "before", tmp_path / "quiet"
    assert run(before, 0) == 0
    (sources[0] / "pots.md").write_text("# About pots\n\nThese pots are not sold any more.\n")
    (sources[0] / "plants.md").unlink()
    rows = sources[1].read_text().splitlines()
    say = "Another answer stands on the page about spades."
    write_rows(
        sources[1], [*rows[:40], json.dumps(thread(39_000, "Any spades?", say)), json.dumps(thread(1, "Hm?", say))]
    )
    shutil.copytree(before, quiet)
    assert run(quiet, 0) == 0
    expected, expected_index = dump(quiet), index_bytes(quiet)
    assert expected != dump(before)
    step = 0
    while True:
        step += 1
        home = tmp_path / f"killed-{step}"
        shutil.copytree(before, home)
        if run(home, step) == 0:
            break
        assert run(home, 0) == 0
        assert dump(home) == expected
        assert index_bytes(home) == expected_index
    assert step > 8
