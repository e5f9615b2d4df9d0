"""What the load generator says of itself, and what the bench says when there is nothing to measure."""

from __future__ import annotations

import sys
from itertools import islice
from pathlib import Path

import pytest

from web.bench import Bench, BenchError, bench_turns
from web.load import distinct, percentile

QUESTIONS = ["Can I return a pot?", "Do you deliver to Norway?"]


def test_no_text_is_asked_twice_and_each_begins_with_a_question() -> None:
    texts = [text for client in range(3) for text in islice(distinct(QUESTIONS, client, seed=1), 50)]
    assert len(set(texts)) == len(texts)
    assert all(text.startswith(tuple(QUESTIONS)) for text in texts)


def test_the_same_seed_asks_the_same() -> None:
    assert list(islice(distinct(QUESTIONS, 0, 5), 9)) == list(islice(distinct(QUESTIONS, 0, 5), 9))


@pytest.mark.parametrize(
    ("values", "percent", "expected"),
    [
        ([], 50, None),
        ([7.0], 99, 7.0),
        ([1.0, 2.0, 3.0, 4.0], 50, 2.0),
        ([float(n) for n in range(1, 101)], 95, 95.0),
        ([float(n) for n in range(1, 101)], 99, 99.0),
    ],
)
def test_a_percentile_is_a_value_that_was_measured(values: list[float], percent: int, expected: float | None) -> None:
    assert percentile(values, percent) == expected


def bench(folder: Path, *argv: str, questions: list[str] = QUESTIONS, limit_s: float = 5.0) -> Bench:
    serve = [sys.executable, "-c", *argv]
    return Bench(serve, "http://127.0.0.1:9", folder / "scratch", questions, start_limit_s=limit_s)


def test_a_service_that_ends_is_one_sentence_with_its_last_words(tmp_path: Path) -> None:
    with pytest.raises(BenchError, match="the service ended with 3: no weights here"):
        bench_turns(bench(tmp_path, "import sys; sys.stderr.write('no weights here\\n'); sys.exit(3)"))


def test_a_service_that_never_gets_ready_is_one_sentence_and_is_stopped(tmp_path: Path) -> None:
    with pytest.raises(BenchError, match=r"the service was not ready within 0\.5 s"):
        bench_turns(bench(tmp_path, "import time; time.sleep(60)", limit_s=0.5))


def test_nothing_to_ask_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(BenchError, match="no questions to ask"):
        bench_turns(bench(tmp_path, "", questions=[]))
