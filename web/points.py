"""Named stopping points, so that a kill test can stop a process exactly there. Without a folder they do nothing."""

from __future__ import annotations

import time
from pathlib import Path


class Points:
    """`points("web.after_commit")` marks a place in a turn.

    Where `<folder>/<name>.arm` exists it is renamed to `<name>.hit`, once, by whoever comes first; that caller sleeps
    until it is killed or the `.hit` file is removed.
    """

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder

    def __call__(self, name: str) -> None:
        if self._folder is None:
            return
        hit = self._folder / f"{name}.hit"
        try:
            (self._folder / f"{name}.arm").rename(hit)
        except FileNotFoundError:
            return
        while hit.exists():
            time.sleep(0.02)
