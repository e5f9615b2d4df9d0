"""The report of an import: for people as a table, for machines as JSON, for later as import-report.md."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from finetune.rasa_import.findings import Finding, Level

if TYPE_CHECKING:
    from rich.table import Table

HEADINGS = {
    Level.LEFT_OUT: ("Left out", "These parts of the assistant are nowhere in the result."),
    Level.CHANGED: ("Changed", "These parts were taken, but not as they were."),
    Level.NOTE: ("To know", "Nothing is lost here."),
}


@dataclass(frozen=True)
class ImportReport:
    """What was read, what was written, and every finding, the gravest first."""

    source: Path
    to: Path
    files: tuple[str, ...]
    written: tuple[str, ...]
    counts: dict[str, int]
    findings: tuple[Finding, ...]
    next_steps: tuple[str, ...]

    def as_dict(self) -> dict[str, Any]:
        """Ready for JSON; `findings` are rows of level, file, line, what, why, do, kept."""
        rows = [
            {"level": f.level.value, "file": f.place.file, "line": f.place.line, "what": f.what, "why": f.why}
            | {"do": f.do, "kept": f.kept}
            for f in self.findings
        ]
        return {
            **asdict(self), "source": str(self.source), "to": str(self.to), "findings": rows,
            "left_out": sum(f.level is Level.LEFT_OUT for f in self.findings),
            "changed": sum(f.level is Level.CHANGED for f in self.findings),
        }  # fmt: skip

    def as_markdown(self) -> str:
        """The contents of import-report.md."""
        lines = [
            "# What was imported",
            "",
            f"From `{self.source}`: {', '.join(f'`{file}`' for file in self.files)}.",
            "",
        ]
        lines += ["| | |", "| --- | --- |"]
        lines += [f"| {name.replace('_', ' ')} | {count} |" for name, count in self.counts.items()]
        for level, (title, sentence) in HEADINGS.items():
            found = [finding for finding in self.findings if finding.level is level]
            if found:
                lines += ["", f"## {title} ({len(found)})", "", sentence, ""]
                lines += [line for finding in found for line in _entry(finding)]
        lines += ["", "## Next", "", *(f"{number}. {step}" for number, step in enumerate(self.next_steps, start=1)), ""]
        return "\n".join(lines)


def table(report: ImportReport) -> Table:
    """The findings as a table for a terminal."""
    from rich.table import Table
    from rich.text import Text

    found = Table("", "where", "what", "why", "what to do", title="What could not be taken as it was")
    for finding in report.findings:
        cells = (finding.level.value, str(finding.place), finding.what, finding.why, finding.do)
        found.add_row(*(Text(cell) for cell in cells))
    return found


def _entry(finding: Finding) -> list[str]:
    what_to_do = f" *{_plain(finding.do)}.*" if finding.do else ""
    entry = [f"- `{finding.place}` **{_plain(finding.what)}**: {_plain(finding.why)}.{what_to_do}"]
    if finding.kept:
        entry += ["", *(f"      {line}" for line in finding.kept.splitlines()), ""]
    return entry


def _plain(text: str) -> str:
    """Words of somebody's file, kept from being read as Markdown."""
    return "".join(f"\\{sign}" if sign in "\\`*[]<>|#" else sign for sign in text.replace("\n", " "))
