"""A home, an encoder and a small company to ingest; nothing outside the test's own folder."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from retrieval_fakes import ARTICLE, KEY, HashingEncoder, thread, write_rows

from retrieval.ingest import IngestReport, ingest
from retrieval.settings import Settings


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


@pytest.fixture
def encoder(tmp_path: Path) -> HashingEncoder:
    return HashingEncoder(tmp_path / "encoder")


@pytest.fixture
def take_in(home: Path, encoder: HashingEncoder) -> Callable[..., IngestReport]:
    """Ingest paths into `home` with the hashing encoder."""

    def run(*paths: Path, settings: Settings | None = None, **options: Any) -> IngestReport:
        options.setdefault("encoder", encoder)
        return ingest(paths, settings or Settings(), home, KEY, **options)

    return run


@pytest.fixture
def company(tmp_path: Path) -> tuple[Path, Path]:
    """A folder with one article, and a file of transcripts."""
    articles = tmp_path / "articles"
    articles.mkdir()
    (articles / "returns.md").write_text(ARTICLE)
    say = "You can collect your order at the nursery gate on Fridays."
    rows = [thread(f"T-{n}", f"May I collect it myself number {n}?", say, customer=f"C-{n:04d}") for n in range(6)]
    rows += [
        thread(
            "T-a", "Do you ship roses to Norway?", "No, living plants stay inside the European Union.", customer="C-9"
        ),
        thread(
            "T-b", "Where is MG-10234? I am Anna Keller, anna@keller.example", "I've sent it again to you today, Anna."
        ),
    ]
    return articles, write_rows(tmp_path / "threads.jsonl", rows)
