"""Which files of a folder belong to a Rasa assistant, and their contents."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from finetune.rasa_import.errors import ImportFailed
from finetune.rasa_import.findings import Ledger, Place
from finetune.rasa_import.nodes import Table, parse

# Copies, results and code that a Rasa project keeps beside its training data; hidden folders are skipped as well.
SKIPPED = frozenset({"models", "tests", "test", "results", "actions", "train_test_split", "venv", "node_modules"})
TRAINING = frozenset({"nlu", "rules", "stories"})
DOMAIN = frozenset({"intents", "entities", "slots", "responses", "forms", "actions", "e2e_actions", "session_config"})
CONFIG = frozenset({"language", "pipeline", "policies", "recipe", "assistant_id", "importers"})
NOT_TAKEN = frozenset({"flows"})
OURS = TRAINING | DOMAIN | CONFIG | NOT_TAKEN
LARGEST_BYTES = 64_000_000
OLD_FORMATS = ("## intent:", "## story", '"rasa_nlu_data"')


def read_files(path: Path, ledger: Ledger) -> list[tuple[str, Table]]:
    """Return (file, mapping) for every YAML file below `path` that holds a part of a Rasa assistant.

    Files are named relative to `path`, sorted. Raises ImportFailed if `path` is not there or holds none.
    """
    if not path.exists():
        raise ImportFailed(f"{path} does not exist; give the folder of a Rasa assistant, or one of its YAML files")
    root = path if path.is_dir() else path.parent
    found: list[tuple[str, Table]] = []
    for file in sorted(_walk(path)):
        found += _read(file, file.relative_to(root).as_posix(), ledger)
    if not found:
        keys = "nlu, rules, stories, intents or responses"
        raise ImportFailed(f"{path} holds nothing of a Rasa 2 or 3 assistant: no YAML file with {keys}")
    return found


def _walk(path: Path) -> Iterator[Path]:
    if path.is_file():
        yield path
        return
    for folder, inner, names in os.walk(path):
        inner[:] = sorted(name for name in inner if name not in SKIPPED and not name.startswith((".", "venv")))
        yield from (Path(folder) / name for name in names if name.endswith((".yml", ".yaml", ".md", ".json")))


def _read(file: Path, name: str, ledger: Ledger) -> list[tuple[str, Table]]:
    text = _text(file, name, ledger)
    if text is None:
        return []
    if file.suffix in (".md", ".json"):
        if any(mark in text[:20_000] for mark in OLD_FORMATS):
            ledger.left_out(
                Place(name, 1), "the whole file", "it is training data in a format from before Rasa 2",
                "convert it with Rasa 2's `rasa data convert`, then import again",
            )  # fmt: skip
        return []
    if not any(f"{key}:" in text for key in OURS):
        return []
    return [(name, table) for table in parse(text, name, ledger) if OURS & set(table.keys())]


def _text(file: Path, name: str, ledger: Ledger) -> str | None:
    try:
        if file.stat().st_size > LARGEST_BYTES:
            ledger.left_out(Place(name, 1), "the whole file", "it is larger than 64 MB", "split it")
            return None
        raw = file.read_bytes()
        return raw.decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        ledger.left_out(Place(name, line), "the whole file", "this line is not UTF-8", "save the file as UTF-8")
    except OSError as error:
        ledger.left_out(Place(name, 1), "the whole file", f"it cannot be read: {error.strerror}")
    return None
