"""Train and evaluate as the operator does, on the demo company and with the real encoder."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

pytestmark = [pytest.mark.weights, pytest.mark.kill]


def last_json(printed: str) -> dict[str, Any]:
    return dict(json.loads(printed.splitlines()[-1]))


def test_training_publishes_a_bundle_that_the_running_service_takes_up(service: Any) -> None:
    before = (service.home / "models" / "current").read_text()
    report = last_json(service.run("train", "--heads", "--json"))
    assert report["bundle"] != before
    assert (service.home / "models" / "current").read_text().strip() == report["bundle"]
    assert report["intents"] == 39
    assert report["accuracy"] > 0.7
    assert report["wrong_share"] <= 0.02
    manifest = json.loads((service.home / "models" / report["bundle"] / "manifest.json").read_text())
    assert manifest["thresholds"] == report["thresholds"]
    assert re.search(r"out-of-fold on 2656 utterances, at most 2.0% wrong", manifest["thresholds_source"])


def test_training_again_chooses_the_same(service: Any) -> None:
    before = (service.home / "models" / "current").read_text().strip()
    manifest = json.loads((service.home / "models" / before / "manifest.json").read_text())
    assert last_json(service.run("train", "--heads", "--json"))["thresholds"] == manifest["thresholds"]


def test_evaluation_counts_what_the_served_bundle_does_with_held_out_files(service: Any) -> None:
    report = last_json(service.run("evaluate", "--json"))
    assert report["bundle"] == (service.home / "models" / "current").read_text().strip()
    assert sum(report["questions"]["decisions"].values()) == report["questions"]["questions"] == 150
    assert sum(report["out_of_scope"]["decisions"].values()) == 150
    assert report["intents"]["accuracy"] > 0.7
    assert report["out_of_scope"]["answered_wrong"] <= 3, "an absurd question must not be answered"
    assert report["answered"]["answers"] >= report["answered"]["wrong"]
