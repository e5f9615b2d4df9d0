"""The files an import leaves behind."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Mapping
from pathlib import Path

from bot.catalogue import Catalogue
from finetune.rasa_import.annotations import tagged_tokens
from finetune.rasa_import.assistant import Assistant
from finetune.rasa_import.errors import ImportFailed
from finetune.rasa_import.labels import Labels

REPORT = "import-report.md"
CONFIG = "nightdesk.toml"
NOT_IMPORTED = ("entities", "sentiment", "unanswerable", "support", "composed", "test_utterances", "test_out_of_scope",
                "test_entities", "test_sentiment", "test_questions", "test_unanswerable")  # fmt: skip
"""Files whose defaults are the demo company's, which must not teach another."""


def contents(assistant: Assistant, labels: Labels) -> dict[str, str]:
    """The contents of every file but the report, by name."""
    files = {
        "intents.toml": intents_toml(labels.catalogue),
        "utterances.csv": _csv(("text", "intent"), [(example.text, name) for example, name in labels.examples]),
        "out_of_scope.csv": _csv(("text",), [(example.text,) for example in labels.outside]),
        "questions.jsonl": "",
        CONFIG: config_toml(labels, assistant.language),
    }
    if labels.too_few:
        files["too_few.csv"] = _csv(("text", "intent"), [(example.text, name) for example, name in labels.too_few])
    if any(example.spans for example, _ in labels.examples):
        files["entities.conll"] = conll(labels)
    if kinds := _kinds(assistant, labels):
        files["entities.json"] = json.dumps(kinds, ensure_ascii=False, indent=1) + "\n"
    return files


def write(files: Mapping[str, str], to: Path, *, force: bool) -> None:
    """Write the files into `to`. Raises ImportFailed, before anything is written, if one is there already."""
    in_the_way = sorted(name for name in files if (to / name).exists())
    if in_the_way and not force:
        raise ImportFailed(
            f"{to} holds {', '.join(in_the_way)} already; give --force to overwrite, or --to another folder"
        )
    try:
        to.mkdir(parents=True, exist_ok=True)
        for name, text in files.items():
            draft = to / f".{name}.tmp"
            draft.write_text(text, encoding="utf-8")
            draft.replace(to / name)
    except OSError as error:
        raise ImportFailed(f"{to} cannot be written to: {error.strerror}") from error


def intents_toml(catalogue: Catalogue) -> str:
    """The catalogue as intents.toml."""
    lines = [
        "# What the assistant makes of each intent, imported from Rasa.",
        "#",
        '# handle = "action"  run `action`            "respond" say one of `responses`',
        '#          "search"  answer from passages    "handoff" give the conversation to a person',
    ]
    for name, entry in catalogue.items():
        lines += ["", f"[{name}]", f"description = {_string(entry.description)}", f'handle = "{entry.handle.value}"']
        if entry.action:
            lines.append(f"action = {_string(entry.action)}")
        said = "".join(f"\n  {_string(text)}," for text in entry.responses)
        lines.append(f"responses = [{said}\n]" if said else "responses = []")
    return "\n".join(lines) + "\n"


def config_toml(labels: Labels, language: str) -> str:
    """A configuration that trains on the imported files: `nightdesk --config THIS train`."""
    lines = [
        "# Made by `nightdesk import rasa`. data/nightdesk.toml explains every key; what is not here has its default.",
        "",
    ]
    if language:
        lines += ["[retrieval]", f"language = {_string(language)}", ""]
    lines += [
        "[finetune]",
        'utterances = "./utterances.csv"',
        'out_of_scope = "./out_of_scope.csv"',
        'intents = "./intents.toml"',
        '# One {"question": …, "source": …} a line: fill it, so that thresholds for passages can be chosen.',
        'questions = "./questions.jsonl"',
        "# No more than the utterances of the rarest intent.",
        f"folds = {labels.folds}",
        '# Files of yours, once you have them; "" is none. entities.conll, if there, has what your examples mark:',
        "# name it once it holds 60 sentences.",
        *(f'{name} = ""' for name in NOT_IMPORTED),
    ]
    return "\n".join(lines) + "\n"


def conll(labels: Labels) -> str:
    """Token, tab, IOB2 tag; a blank line between utterances."""
    blocks = [
        "".join(f"{token}\t{tag}\n" for token, tag in tagged_tokens(example.text, example.spans))
        for example, _ in labels.examples
    ]
    return "\n".join(block for block in blocks if block)


def _kinds(assistant: Assistant, labels: Labels) -> dict[str, object]:
    """Kinds of entities, words that mean the same, lists and patterns."""
    synonyms = {value: list(words) for value, words in assistant.nlu.synonyms.items()}
    for example, _ in labels.examples:
        for span in example.spans:
            if span.value:
                synonyms.setdefault(span.value, []).append(example.text[span.start : span.end])
    parts = {
        "entities": sorted({*assistant.domain.entities, *(s.entity for e, _ in labels.examples for s in e.spans)}),
        "synonyms": {value: list(dict.fromkeys(words)) for value, words in synonyms.items()},
        "lookups": dict(assistant.nlu.lookups),
        "regexes": dict(assistant.nlu.regexes),
    }
    return {name: part for name, part in parts.items() if part}


def _csv(header: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(rows)
    return text.getvalue()


def _string(text: str) -> str:
    """A TOML basic string: JSON's, but for the delete character."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
