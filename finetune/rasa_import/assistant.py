"""A Rasa assistant, read from its files."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from finetune.rasa_import.domain import Domain, read_domain
from finetune.rasa_import.files import NOT_TAKEN, read_files
from finetune.rasa_import.findings import Ledger, Place
from finetune.rasa_import.nlu import Nlu, read_nlu
from finetune.rasa_import.nodes import Table, Text
from finetune.rasa_import.responses import Response, read_responses
from finetune.rasa_import.stories import Reaction, read_stories


@dataclass(slots=True)
class Assistant:
    """All parts of an assistant, whatever files they stood in."""

    nlu: Nlu = field(default_factory=Nlu)
    domain: Domain = field(default_factory=Domain)
    responses: dict[str, Response] = field(default_factory=dict)
    reactions: list[Reaction] = field(default_factory=list)
    files: list[str] = field(default_factory=list)
    language: str = ""
    language_at: Place | None = None


def read_assistant(path: Path, ledger: Ledger) -> Assistant:
    """Read every file of the assistant at `path`. Raises ImportFailed if there is none."""
    assistant = Assistant()
    for file, table in read_files(path, ledger):
        if file not in assistant.files:
            assistant.files.append(file)
        _take(table, assistant, ledger)
    return assistant


def _take(table: Table, into: Assistant, ledger: Ledger) -> None:
    for key, node in table.entries:
        if key.value == "nlu":
            read_nlu(node, into.nlu, ledger)
        elif key.value in ("rules", "stories"):
            kind = "rule" if key.value == "rules" else "story"
            into.reactions += read_stories(node, kind, ledger)
        elif key.value == "responses":
            _take_responses(read_responses(node, ledger), into, ledger)
        elif key.value == "language" and isinstance(node, Text):
            into.language, into.language_at = node.value.strip(), node.place
        elif key.value in ("pipeline", "policies"):
            ledger.note(key.place, key.value, "Nightdesk trains a model of its own; the examples are what counts")
        elif key.value in NOT_TAKEN:
            ledger.left_out(key.place, key.value, "dialogue written as flows has no counterpart here")
    read_domain(table, into.domain, ledger)


def _take_responses(found: list[Response], into: Assistant, ledger: Ledger) -> None:
    for response in found:
        if first := into.responses.get(response.name):
            ledger.left_out(
                response.place,
                f"the second {response.name!r}",
                f"the response stands at {first.place} already",
                "keep one of the two",
                " / ".join(response.texts),
            )
        else:
            into.responses[response.name] = response
