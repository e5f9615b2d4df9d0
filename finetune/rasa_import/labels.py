"""From an assistant to labelled utterances and a catalogue of intents."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass

from bot.catalogue import IntentEntry
from finetune.rasa_import.assistant import Assistant
from finetune.rasa_import.decide import decide, is_out_of_scope
from finetune.rasa_import.findings import Ledger, Place
from finetune.rasa_import.nlu import Example
from finetune.settings import Settings

# What `train` needs of an intent with the folds it has by default, and at the least that can be set.
ENOUGH = int(Settings.model_fields["folds"].default)
LEAST = 2


@dataclass(frozen=True)
class Labels:
    """What Nightdesk trains on: examples by the names of `catalogue`, those outside all intents, those too few."""

    catalogue: dict[str, IntentEntry]
    examples: tuple[tuple[Example, str], ...]
    outside: tuple[Example, ...]
    too_few: tuple[tuple[Example, str], ...]

    @property
    def folds(self) -> int:
        """Folds that every intent has utterances for."""
        counts = Counter(name for _, name in self.examples)
        return max(LEAST, min([ENOUGH, *counts.values()]))


def label(assistant: Assistant, known_actions: Collection[str], ledger: Ledger) -> Labels:
    """Decide each intent and give each example its name; whatever is changed on the way is a finding."""
    examples = _once(assistant.nlu.examples, ledger)
    by_intent: dict[str, list[Example]] = defaultdict(list)
    for example in examples:
        by_intent[example.intent].append(example)
    places = _intents(assistant, by_intent)
    names = _names(places, ledger)
    catalogue = {
        names[intent]: decide(intent, place, [e.text for e in by_intent[intent]], assistant, known_actions, ledger)
        for intent, place in places.items()
        if not is_out_of_scope(intent)
    }
    inside = [(example, names[example.intent]) for example in examples if not is_out_of_scope(example.intent)]
    scarce = _scarce(by_intent, places, ledger)
    return Labels(
        catalogue,
        tuple(row for row in inside if row[0].intent not in scarce),
        tuple(example for example in examples if is_out_of_scope(example.intent)),
        tuple(row for row in inside if row[0].intent in scarce),
    )


def _intents(assistant: Assistant, by_intent: Iterable[str]) -> dict[str, Place]:
    """Every intent with the place it is declared at, or of its first example; `faq` gives way to `faq/ask_hours`."""
    places = dict(assistant.domain.intents)
    for example in assistant.nlu.examples:
        places.setdefault(example.intent, example.place)
    groups = {intent.split("/")[0] for intent in by_intent if "/" in intent}
    return {intent: place for intent, place in places.items() if intent not in groups}


def _names(intents: dict[str, Place], ledger: Ledger) -> dict[str, str]:
    """Names that buttons can carry (`/faq_ask_hours`): small letters, digits, underscores, each once."""
    names: dict[str, str] = {}
    for number, (intent, place) in enumerate(intents.items(), start=1):
        name = re.sub(r"[^a-z0-9]+", "_", intent.lower()).strip("_")
        if not re.match(r"[a-z]", name):
            name = f"intent_{name or number}"
        stem, again = name, 2
        while name in names.values():
            name, again = f"{stem}_{again}", again + 1
        if name != intent and not is_out_of_scope(intent):
            ledger.note(place, f"intent {intent!r}", f"it is called {name!r} here: small letters, digits, underscores")
        names[intent] = name
    return names


def _once(examples: Iterable[Example], ledger: Ledger) -> list[Example]:
    """Each utterance once: a second intent for the same words would contradict the first."""
    first: dict[str, Example] = {}
    for example in examples:
        known = first.setdefault(example.text.casefold(), example)
        if known is not example and known.intent != example.intent:
            ledger.left_out(
                example.place,
                f"an example of {example.intent!r}",
                f"the same words are an example of {known.intent!r} at {known.place}",
                "decide which intent they mean",
                example.text,
            )
    return list(first.values())


def _scarce(by_intent: dict[str, list[Example]], places: dict[str, Place], ledger: Ledger) -> set[str]:
    """Intents that cannot be trained; those that can, but with fewer folds than usual, are noted."""
    scarce = set()
    for intent, place in places.items():
        count = len(by_intent.get(intent, ()))
        if is_out_of_scope(intent) or count >= ENOUGH:
            continue
        if count == 0:
            ledger.note(place, f"intent {intent!r}", "it has no example, so it is reached by a button alone")
        elif count < LEAST:
            scarce.add(intent)
            ledger.left_out(
                by_intent[intent][0].place, f"intent {intent!r}: its examples",
                f"it has {count}; training needs at least {LEAST}", "write more of them; it is kept in too_few.csv",
                by_intent[intent][0].text,
            )  # fmt: skip
        else:
            ledger.note(
                place, f"intent {intent!r}", f"it has {count} examples; {ENOUGH} or more, better 20, serve it well"
            )
    return scarce
