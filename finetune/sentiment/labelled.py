"""Read texts with the mood a person heard in them."""

from __future__ import annotations

import csv
import gzip
import io
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from finetune.errors import BadLabels

TEXT_COLUMNS = ("text", "review", "utterance")
LABEL_COLUMNS = ("label", "category", "intent")


@dataclass(frozen=True, slots=True)
class Moods:
    """Texts and what each was labelled; a text may be empty, a label may not."""

    texts: tuple[str, ...]
    labels: tuple[str, ...]

    def at(self, rows: Iterable[int]) -> Moods:
        """These rows alone."""
        chosen = list(rows)
        return Moods(tuple(self.texts[i] for i in chosen), tuple(self.labels[i] for i in chosen))


def read_moods(path: Path) -> Moods:
    """Read a CSV with header `text,label`, gzipped or not; `review` and any `…sentiment` are understood as well.

    Raises BadLabels with file and line of whatever is wrong.
    """
    rows = csv.DictReader(io.StringIO(_text(path), newline=""))
    try:
        header = [name for name in rows.fieldnames or [] if name]
        text = next((name for name in TEXT_COLUMNS if name in header), None)
        label = next((name for name in LABEL_COLUMNS if name in header), None)
        label = next((name for name in header if name.endswith("sentiment")), None) if label is None else label
        if text is None or label is None:
            raise BadLabels(f"{path}:1 has the header {','.join(header)!r}; expected text,label")
        texts, labels = [], []
        for row in rows:
            named = (row[label] or "").strip()
            if row[text] is None or not named:
                raise BadLabels(f"{path}:{rows.line_num} needs both a {text} and a {label}")
            texts.append(row[text].strip())
            labels.append(named)
    except csv.Error as error:
        raise BadLabels(f"{path}:{rows.line_num} is not CSV: {error}") from error
    if not texts:
        raise BadLabels(f"{path} holds no labelled text below its header")
    return Moods(tuple(texts), tuple(labels))


def _text(path: Path) -> str:
    try:
        raw = path.read_bytes()
        return (gzip.decompress(raw) if raw[:2] == b"\x1f\x8b" else raw).decode("utf-8-sig")
    except FileNotFoundError:
        raise BadLabels(f"{path} does not exist; give a CSV with the header text,label") from None
    except UnicodeDecodeError as error:
        raise BadLabels(f"{path} is not UTF-8: {error}") from error
    except (OSError, EOFError) as error:
        raise BadLabels(f"{path} cannot be read: {error}") from error
