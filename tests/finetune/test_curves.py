from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

from finetune.curves import KINDS, NoCurves, curves_for, under
from finetune.errors import BadRecipe, LibraryMissing


def test_no_curves_leave_nothing_behind(tmp_path: Path) -> None:
    curves = curves_for("none", tmp_path / "curves")
    curves.number("loss", 1.0, 1)
    curves.close()
    assert isinstance(curves, NoCurves)
    assert not (tmp_path / "curves").exists()


def test_tensorboard_reads_back_every_point(tmp_path: Path) -> None:
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    curves = curves_for("tensorboard", tmp_path / "curves")
    for step, value in enumerate((2.0, 1.0, 0.5), start=1):
        curves.number("loss/utterances", value, step)
    curves.close()
    read = EventAccumulator(str(tmp_path / "curves")).Reload()
    assert [(point.step, point.value) for point in read.Scalars("loss/utterances")] == [(1, 2.0), (2, 1.0), (3, 0.5)]


def test_runs_that_share_curves_do_not_draw_over_one_another(tmp_path: Path) -> None:
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    curves = curves_for("tensorboard", tmp_path)
    for run in ("pilot", "final"):
        mine = under(curves, run)
        mine.number("loss", 1.0, 1)
        mine.close()
    curves.close()
    assert sorted(EventAccumulator(str(tmp_path)).Reload().Tags()["scalars"]) == ["final/loss", "pilot/loss"]
    assert isinstance(under(None, "pilot"), NoCurves)
    assert isinstance(under(NoCurves(), "pilot"), NoCurves)


def test_curves_of_no_known_kind_name_those_there_are(tmp_path: Path) -> None:
    with pytest.raises(BadRecipe, match=r"'csv'.*none, tensorboard, wandb"):
        curves_for("csv", tmp_path)
    assert "wandb" in KINDS


@pytest.mark.skipif(importlib.util.find_spec("wandb") is not None, reason="wandb is installed")
def test_a_missing_library_is_named_with_the_command_that_adds_it(tmp_path: Path) -> None:
    with pytest.raises(LibraryMissing, match=r"pip install 'nightdesk\[wandb\]'"):
        curves_for("wandb", tmp_path)
