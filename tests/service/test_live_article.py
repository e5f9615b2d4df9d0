"""An article added while the service runs answers within a second, with its citation and without a restart."""

from __future__ import annotations

import json
import secrets
import time
from pathlib import Path
from typing import Any

import pytest

from web.client import Visitor

pytestmark = [pytest.mark.weights, pytest.mark.kill]

PLACES = ("Lindenhof", "Varnsdal", "Oostkapel", "Brunnsvik", "Kestrel Quay")
KEEPERS = ("Ottoline", "Balthasar", "Marguerite", "Casimir")


def test_a_fact_ingested_while_serving_is_answered_with_its_source_within_a_second(
    service: Any, tmp_path: Path
) -> None:
    place, keeper = secrets.choice(PLACES), secrets.choice(KEEPERS)
    time_of_day = f"{secrets.randbelow(10) + 7}:{secrets.randbelow(50) + 10}"
    article = tmp_path / "lost-umbrellas.md"
    article.write_text(
        f"# Lost umbrellas\n\n## Where they are kept\n\nUmbrellas forgotten at our {place} counter are kept by "
        f"{keeper} in the blue cupboard. She hands them out every Thursday at {time_of_day} sharp.\n",
        encoding="utf-8",
    )
    report = json.loads(service.run("ingest", str(article), "--json").splitlines()[-1])
    assert report["added"] == 1

    visitor = Visitor(service.url)
    visitor.open()
    asked_s = time.monotonic()
    receipt = visitor.say(f"I left my umbrella behind in {place}. On which day and when can I pick it up again?")
    ending = visitor.wait_for_ending(receipt, timeout_s=20)
    took_s = time.monotonic() - asked_s

    assert ending.kind == "reply"
    assert f"Thursday at {time_of_day}" in ending.event.data["text"]
    assert "Lost umbrellas" in [citation["title"] for citation in ending.event.data["citations"]]
    assert took_s < 1.0, f"the answer took {took_s:.2f} s"


def test_a_changed_article_no_longer_says_what_it_said(service: Any, tmp_path: Path) -> None:
    article = tmp_path / "kiosk.md"
    for hour in (8, 9):
        article.write_text(f"# The kiosk at the lake\n\nThe kiosk at the lake sells seedlings from {hour} o'clock.\n")
        service.run("ingest", str(article), "--json")
    service.wait_for_newest()
    visitor = Visitor(service.url)
    visitor.open()
    ending = visitor.wait_for_ending(visitor.say("From when does the lake kiosk sell seedlings?"), timeout_s=20)
    assert "9 o'clock" in ending.event.data["text"]
    assert "8 o'clock" not in ending.event.data["text"]
