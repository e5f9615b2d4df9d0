"""What an import could not take as it was, with the place it stands at."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum


class Level(StrEnum):
    """What happened to the part of the assistant that a finding names."""

    LEFT_OUT = "left out"  # it is nowhere in the result
    CHANGED = "changed"  # it is in the result, but not as it was
    NOTE = "note"  # nothing is lost; there is something to know or to do


@dataclass(frozen=True, slots=True)
class Place:
    """A line of a file; `file` is relative to what was imported, lines count from 1."""

    file: str
    line: int

    def __str__(self) -> str:
        """`data/nlu.yml:12`."""
        return f"{self.file}:{self.line}"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was left out or changed: what, why, what to do; `kept` repeats words that are nowhere else."""

    level: Level
    place: Place
    what: str
    why: str
    do: str = ""
    kept: str = ""


@dataclass(slots=True)
class Ledger:
    """Findings as they come in; reading one file does not stop for them."""

    findings: list[Finding] = field(default_factory=list)

    def left_out(self, place: Place, what: str, why: str, do: str = "", kept: str = "") -> None:
        """Something is nowhere in the result."""
        self.findings.append(Finding(Level.LEFT_OUT, place, what, why, do, kept))

    def changed(self, place: Place, what: str, why: str, do: str = "", kept: str = "") -> None:
        """Something is in the result, but not as it was."""
        self.findings.append(Finding(Level.CHANGED, place, what, why, do, kept))

    def note(self, place: Place, what: str, why: str, do: str = "", kept: str = "") -> None:
        """Nothing is lost, but there is something to know."""
        self.findings.append(Finding(Level.NOTE, place, what, why, do, kept))

    def in_order(self) -> tuple[Finding, ...]:
        """All findings: what was left out first, then by file and line."""
        levels = list(Level)
        return tuple(sorted(self.findings, key=lambda f: (levels.index(f.level), f.place.file, f.place.line)))
