"""How each intent is served: which of Nightdesk's handles stands for what the assistant's rules and stories do."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence

from bot.catalogue import Handle, IntentEntry
from bot.reading import read_act
from bot.types import DialogAct
from finetune.rasa_import.assistant import Assistant
from finetune.rasa_import.findings import Ledger, Place
from finetune.rasa_import.stories import Reaction, Weight

OUT_OF_SCOPE = re.compile(r"(?:nlu_|default_)?fallback|out_?of_?(?:scope|domain)|oo[sd]|off_?topic", re.IGNORECASE)
PERSON = re.compile(
    r"hand_?(?:off|over)|escalat|live_?agent|human_?agent"
    r"|(?:talk|speak|chat|connect|transfer|switch)_to_(?:an?_|the_)?(?:human|person|agent|operator|someone|somebody)",
    re.IGNORECASE,
)
YES_OR_NO = re.compile(r"affirm\w*|deny|denial|confirm\w*|yes|no|accept|agree|disagree|reject|decline", re.IGNORECASE)
SEARCH_DO = "answer it with an article, or give it a response in intents.toml"


def is_out_of_scope(intent: str) -> bool:
    """True for intents that stand for "none of the others"."""
    return bool(OUT_OF_SCOPE.fullmatch(intent.split("/")[0]))


def decide(
    intent: str,
    place: Place,
    texts: Sequence[str],
    assistant: Assistant,
    known_actions: Collection[str],
    ledger: Ledger,
) -> IntentEntry:
    """Return the intent's entry; every departure from what the assistant did is a finding at `place` or the rule's."""
    base, _, detail = intent.partition("/")
    description = (detail or base).replace("_", " ").replace("-", " ").strip().capitalize()
    if detail:
        return _retrieval(intent, description, place, assistant, ledger)
    reaction = _reaction(intent, place, texts, assistant, ledger)
    if reaction is None:
        return IntentEntry(description, Handle.SEARCH)
    said = _said(intent, reaction, assistant, ledger)
    acts = [name for name in reaction.actions if not name.startswith("utter_")]
    if PERSON.search(intent) or any(PERSON.search(name) for name in acts):
        return IntentEntry(description, Handle.HANDOFF, responses=said)
    if acts:
        return _action(intent, description, acts[0], reaction, said, assistant, known_actions, ledger)
    return IntentEntry(description, Handle.RESPOND if said else Handle.SEARCH, responses=said)


def _retrieval(intent: str, description: str, place: Place, assistant: Assistant, ledger: Ledger) -> IntentEntry:
    response = assistant.responses.get(f"utter_{intent}")
    if response and response.texts:
        return IntentEntry(description, Handle.RESPOND, responses=response.texts)
    why = "its response has no text that can be said as it stands" if response else "it has no response of its own"
    ledger.changed(place, f"intent {intent!r}", f"{why}; passages answer it", SEARCH_DO)
    return IntentEntry(description, Handle.SEARCH)


def _reaction(intent: str, place: Place, texts: Sequence[str], assistant: Assistant, ledger: Ledger) -> Reaction | None:
    """The one reaction that counts, or None, with a finding, where there is none or several."""
    found = [reaction for reaction in assistant.reactions if reaction.intent == intent and reaction.actions]
    if trigger := assistant.domain.triggers.get(intent):
        found.append(Reaction(intent, (trigger[0],), Weight.RULE, trigger[1]))
    what = f"intent {intent!r}"
    if not found:
        ledger.changed(place, what, "no rule or story says what follows it; passages answer it", SEARCH_DO)
        return None
    weight = min(reaction.weight for reaction in found)
    best = [reaction for reaction in found if reaction.weight is weight]
    if weight is Weight.CONDITION:
        ledger.changed(
            best[0].place, what, "what follows it depends on a form or a slot; passages answer it", SEARCH_DO,
            _listed(best),
        )  # fmt: skip
        return None
    if weight is Weight.LATER and (YES_OR_NO.fullmatch(intent) or _mostly_yes_or_no(texts)):
        ledger.changed(
            best[0].place, what, "a yes or no answers what was asked just before; Nightdesk reads those itself",
            kept=_listed(best),
        )  # fmt: skip
        return None
    if len({reaction.actions for reaction in best}) > 1:
        ledger.changed(
            best[0].place, what, "different things follow it in different places; passages answer it", SEARCH_DO,
            _listed(best),
        )  # fmt: skip
        return None
    others = [reaction for reaction in found if reaction.actions != best[0].actions]
    if others:
        ledger.changed(
            others[0].place, what, f"elsewhere something else follows it; it is served as at {best[0].place}",
            kept=_listed(others),
        )  # fmt: skip
    return best[0]


def _said(intent: str, reaction: Reaction, assistant: Assistant, ledger: Ledger) -> tuple[str, ...]:
    """What the reaction says: one response's variations, or several responses said as one text."""
    parts = []
    for name in reaction.actions:
        if not name.startswith("utter_"):
            continue
        response = assistant.responses.get(name)
        if response is None:
            ledger.left_out(reaction.place, f"intent {intent!r}: {name}", "the assistant has no response of this name")
        elif response.texts:
            parts.append(response.texts)
    if not parts:
        if all(name.startswith("utter_") for name in reaction.actions):
            ledger.changed(
                reaction.place, f"intent {intent!r}",
                "nothing of its response can be said as it stands; passages answer it", SEARCH_DO,
            )  # fmt: skip
        return ()
    if len(parts) > 1:
        ledger.changed(reaction.place, f"intent {intent!r}", "its responses are said together, as one text")
    most = max(len(texts) for texts in parts)
    return tuple("\n".join(texts[number % len(texts)] for texts in parts) for number in range(most))


def _action(
    intent: str,
    description: str,
    name: str,
    reaction: Reaction,
    said: tuple[str, ...],
    assistant: Assistant,
    known_actions: Collection[str],
    ledger: Ledger,
) -> IntentEntry:
    kind = "form" if name in assistant.domain.forms else "action"
    action = name if name.startswith("action_") else f"action_{name}"
    if said:
        ledger.changed(reaction.place, f"intent {intent!r}", "what is said before the action is not", kept=said[0])
    if action not in known_actions:
        ledger.changed(
            reaction.place, f"intent {intent!r}",
            f"it runs the {kind} {name!r}; its entry names {action!r}, which Nightdesk does not have",
            "before you serve it, set action to one that Nightdesk has, or handle to \"search\" or \"handoff\"",
        )  # fmt: skip
    return IntentEntry(description, Handle.ACTION, action)


def _mostly_yes_or_no(texts: Sequence[str]) -> bool:
    acts = [read_act(text) is not DialogAct.NONE for text in texts]
    return bool(acts) and 2 * sum(acts) >= len(acts)


def _listed(reactions: Sequence[Reaction]) -> str:
    seen = dict.fromkeys(f"{', '.join(reaction.actions)} ({reaction.place})" for reaction in reactions)
    return "; ".join(seen)
