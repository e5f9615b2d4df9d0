"""How far an ingest is, for whoever watches."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Step:
    """A point of a run: the stage it is in, how much of that stage is done, and of how much (0: not known)."""

    stage: str
    done: int
    total: int


Progress = Callable[[Step], None]


@contextmanager
def watching(progress: Progress | Literal["bar"] | None) -> Iterator[Progress]:
    """Give something to report steps to: the caller's own function, a bar on standard error, or nothing at all."""
    if callable(progress):
        yield progress
    elif progress == "bar":
        with _bar() as show:
            yield show
    else:
        yield lambda _: None


@contextmanager
def _bar() -> Iterator[Progress]:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as RichProgress

    columns = (TextColumn("{task.description:<10}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with RichProgress(*columns, console=Console(stderr=True), transient=True) as bars:
        tasks: dict[str, int] = {}

        def show(step: Step) -> None:
            if step.stage not in tasks:
                tasks[step.stage] = int(bars.add_task(step.stage))
            bars.update(tasks[step.stage], completed=step.done, total=step.total or None)  # type: ignore[arg-type]

        yield show
