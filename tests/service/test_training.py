"""Train and evaluate as the operator does, on the demo company and with the real encoder."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

pytestmark = [pytest.mark.weights, pytest.mark.kill]


FROM_UTTERANCES = ("intent_probability", "out_of_scope", "out_of_scope_ask", "action_probability", "intent_margin")
"""Thresholds that no article ingested by another test can move."""
WITHOUT_OTHER_HEADS = [
    word for name in ("entities", "sentiment", "support") for word in ("--set", f'finetune.{name}=""')
]  # the start has learnt them already, in two minutes


def current(service: Any) -> str:
    return str((service.home / "models" / "current").read_text().strip())


def thresholds_of(service: Any, bundle: str) -> dict[str, float]:
    manifest = json.loads((service.home / "models" / bundle / "manifest.json").read_text())
    assert re.search(r"out-of-fold on 2656 utterances, at most 2.0% wrong", manifest["thresholds_source"])
    return dict(manifest["thresholds"])


def last_json(printed: str) -> dict[str, Any]:
    return dict(json.loads(printed.splitlines()[-1]))


def test_training_publishes_a_bundle_that_the_running_service_takes_up(service: Any) -> None:
    before = thresholds_of(service, current(service))
    report = last_json(service.run(*WITHOUT_OTHER_HEADS, "train", "--heads", "--json"))
    assert current(service) == report["bundle"]
    assert report["intents"] == 39
    assert report["accuracy"] > 0.7
    assert report["wrong_share"] <= 0.02
    assert thresholds_of(service, report["bundle"]) == report["thresholds"]
    again = {name: report["thresholds"][name] for name in FROM_UTTERANCES}
    assert again == {name: before[name] for name in FROM_UTTERANCES}, "the same files were learnt from at the start"


def test_evaluation_counts_what_the_served_bundle_does_with_held_out_files(service: Any) -> None:
    report = last_json(service.run("evaluate", "--json"))
    assert report["bundle"] == current(service)
    assert sum(report["questions"]["decisions"].values()) == report["questions"]["questions"] == 150
    assert sum(report["out_of_scope"]["decisions"].values()) == 150
    assert report["intents"]["accuracy"] > 0.7
    assert report["out_of_scope"]["answered_wrong"] <= 3, "an absurd question must not be answered"
    assert report["answered"]["answers"] >= report["answered"]["wrong"]
