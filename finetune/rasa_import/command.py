"""`nightdesk import rasa`: read, decide, write, report."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from finetune.rasa_import.assistant import Assistant, read_assistant
from finetune.rasa_import.decide import is_out_of_scope
from finetune.rasa_import.errors import ImportFailed
from finetune.rasa_import.findings import Ledger, Place
from finetune.rasa_import.labels import Labels, label
from finetune.rasa_import.report import ImportReport
from finetune.rasa_import.write import CONFIG, REPORT, contents, write

DEFAULT_TO = Path("data/imported")


def import_rasa(
    path: Path, to: Path = DEFAULT_TO, *, force: bool = False, known_actions: Collection[str] = ()
) -> ImportReport:
    """Read the Rasa assistant at `path` and write what Nightdesk trains on into `to`.

    `known_actions` are the names of Nightdesk's own actions; others that the assistant calls are findings. Raises
    ImportFailed if nothing can be imported, or if a file would be overwritten and `force` is not given; nothing is
    written then.
    """
    ledger = Ledger()
    assistant = read_assistant(path, ledger)
    labels = label(assistant, known_actions, ledger)
    if not labels.catalogue:
        first = ledger.in_order()
        trouble = f"; {first[0].place}: {first[0].what}: {first[0].why}" if first else ""
        raise ImportFailed(f"{path} has no intent that could be taken{trouble}")
    _name_the_rest(assistant, labels, ledger)
    files = contents(assistant, labels)
    report = ImportReport(
        source=path,
        to=to,
        files=tuple(assistant.files),
        written=(*files, REPORT),
        counts=_counts(assistant, labels),
        findings=ledger.in_order(),
        next_steps=_next(to),
    )
    write({**files, REPORT: report.as_markdown()}, to, force=force)
    return report


def _counts(assistant: Assistant, labels: Labels) -> dict[str, int]:
    entries = labels.catalogue.values()
    return {
        "intents": len(labels.catalogue),
        "utterances": len(labels.examples),
        "out_of_scope": len(labels.outside),
        "too_few": len(labels.too_few),
        "entities": sum(len(example.spans) for example, _ in labels.examples),
        **{
            handle: sum(entry.handle == handle for entry in entries)
            for handle in ("respond", "action", "search", "handoff")
        },
        "responses_taken": len({text for entry in entries for text in entry.responses}),
        "responses_found": sum(len(response.texts) for response in assistant.responses.values()),
    }


def _next(to: Path) -> tuple[str, ...]:
    return (
        f"Read `{to / REPORT}`, and set what you want otherwise in `{to / 'intents.toml'}`.",
        "Ingest your help articles or transcripts, so that intents handled by search find something: "
        f"`nightdesk --config {to / CONFIG} ingest help-centre/`.",
        f"Train: `nightdesk --config {to / CONFIG} train`.",
    )


def _name_the_rest(assistant: Assistant, labels: Labels, ledger: Ledger) -> None:
    """Findings about the assistant as a whole: words never said, slots, actions, lists, its language."""
    _name_unsaid(assistant, labels, ledger)
    domain, nlu = assistant.domain, assistant.nlu
    wanted = {reaction for row in assistant.reactions for reaction in row.actions}
    unused = {name: place for name, place in domain.actions.items() if name not in wanted and "utter_" not in name}
    for names, what, why in (
        (domain.slots, "slots", "Nightdesk's actions keep slots of their own"),
        (unused, "actions", "no intent leads straight to them"),
    ):
        if names:
            ledger.left_out(next(iter(names.values())), f"{what} ({len(names)})", why, kept=", ".join(names))
    if lists := [*nlu.lookups, *nlu.regexes, *nlu.synonyms]:
        ledger.note(
            _first(assistant), f"synonyms, lookup tables and regular expressions ({len(lists)})",
            "they are kept in entities.json; training does not use them yet", kept=", ".join(lists),
        )  # fmt: skip
    if assistant.language_at and assistant.language.split("-")[0].lower() != "en":
        ledger.note(
            assistant.language_at, f"language {assistant.language!r}", "the encoder that comes along reads English",
            "set [retrieval] encoder to a multilingual one before you train",
        )  # fmt: skip


def _name_unsaid(assistant: Assistant, labels: Labels, ledger: Ledger) -> None:
    """Responses that nothing in the result says, with their words."""
    said = "\n".join(text for entry in labels.catalogue.values() for text in entry.responses)
    answered = {name for row in assistant.reactions if is_out_of_scope(row.intent) for name in row.actions}
    for response in assistant.responses.values():
        if not response.texts or all(text in said for text in response.texts):
            continue
        outside = response.name in answered
        why = (
            "what is out of scope is answered in Nightdesk's own words" if outside else "no intent leads straight to it"
        )
        ledger.left_out(
            response.place, f"response {response.name!r}", why, "" if outside else "add it where it belongs",
            "\n".join(response.texts),
        )  # fmt: skip


def _first(assistant: Assistant) -> Place:
    return assistant.nlu.examples[0].place if assistant.nlu.examples else Place(assistant.files[0], 1)
