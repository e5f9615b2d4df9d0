"""Where the numbers of a training run go while it runs: nowhere, to TensorBoard's files or to Weights & Biases."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Protocol

from finetune.errors import BadRecipe, LibraryMissing

KINDS = ("none", "tensorboard", "wandb")


class Curves(Protocol):
    """Takes one number at a time; `close` writes out what is still held back."""

    def number(self, name: str, value: float, step: int) -> None:
        """Add a point to the curve `name` ("loss/utterances"); a step told twice, as after a kill, is no harm."""

    def close(self) -> None:
        """Write everything; nothing may be told afterwards."""


class NoCurves:
    """Keeps nothing."""

    def number(self, name: str, value: float, step: int) -> None:
        """Forget it."""

    def close(self) -> None:
        """Do nothing."""


class CurvesUnder:
    """Another's curves under a name before each: runs that follow one another don't draw over one another."""

    def __init__(self, curves: Curves, name: str) -> None:
        self._curves, self._name = curves, name

    def number(self, name: str, value: float, step: int) -> None:
        """Add a point to the curve `<our name>/name`."""
        self._curves.number(f"{self._name}/{name}", value, step)

    def close(self) -> None:
        """Do nothing: the curves belong to somebody else, who closes them."""


class TensorBoardCurves:
    """Event files in a folder: `tensorboard --logdir FOLDER` draws them."""

    def __init__(self, folder: Path) -> None:
        try:
            from torch.utils.tensorboard import SummaryWriter
        except ImportError as error:
            raise LibraryMissing(_missing("tensorboard")) from error
        folder.mkdir(parents=True, exist_ok=True)
        self._writer: Any = SummaryWriter(str(folder))

    def number(self, name: str, value: float, step: int) -> None:
        """Add a point."""
        self._writer.add_scalar(name, value, step)

    def close(self) -> None:
        """Write everything."""
        self._writer.close()


class WandbCurves:
    """A run of Weights & Biases: numbers only, no output, no code. The library's own WANDB_MODE says where it goes."""

    def __init__(self, folder: Path) -> None:
        try:
            import wandb
        except ImportError as error:
            raise LibraryMissing(_missing("wandb")) from error
        folder.mkdir(parents=True, exist_ok=True)
        quiet = wandb.Settings(console="off", save_code=False, disable_git=True)
        self._run: Any = wandb.init(project="nightdesk", name=folder.name, dir=str(folder), settings=quiet)

    def number(self, name: str, value: float, step: int) -> None:
        """Add a point."""
        self._run.log({name: value, "step": step})

    def close(self) -> None:
        """End the run."""
        self._run.finish()


def curves_for(kind: str, folder: Path) -> Curves:
    """Return the curves of a kind in KINDS, kept under `folder`; LibraryMissing without its library."""
    if kind == "none":
        return NoCurves()
    if kind == "tensorboard":
        return TensorBoardCurves(folder)
    if kind == "wandb":
        return WandbCurves(folder)
    raise BadRecipe(f"curves are {kind!r}; they can be one of {', '.join(KINDS)}")


def under(curves: Curves | None, name: str) -> Curves:
    """Return the curves with `name` before each; none stay none."""
    return NoCurves() if curves is None or isinstance(curves, NoCurves) else CurvesUnder(curves, name)


def _missing(kind: str) -> str:
    return f"curves are {kind!r}, but {kind} is not installed; `pip install 'nightdesk[{kind}]'` adds it"
