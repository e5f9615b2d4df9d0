"""Decide what the assistant does with a message: answer, ask, act, hand off or stay silent.

`decide` is a plain function of its arguments. Nothing a customer or a passage says widens what it may choose; an
action it chooses still checks identity and the customer's yes by itself.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace

from bot.catalogue import Catalogue, Handle
from bot.decisions import (
    ASKED_FOR,
    OFFER_PERSON,
    ONLY_LOOK,
    PERHAPS_ANSWERED,
    SIBLINGS,
    Answer,
    Ask,
    Decision,
    HandOff,
    Phrase,
    Question,
    RunAction,
    StaySilent,
)
from bot.presentable import overlap_zh
from bot.thresholds import Bar, Thresholds
from bot.types import CHINESE, Conversation, DialogAct, HandoffReason, PendingAction, RankedIntent, Reading
from retrieval.types import Hit, PassageKind

ACTION_SLOTS = ("order_number", "email")
MAX_PASSAGES = 2
# A second passage joins the first only where it is nearly as near.
SECOND_PASSAGE_WITHIN = 0.03
# Intents are worth asking about only if one of them is meant at least this likely, and each of them at least so.
ASK_PROBABILITY = 0.5
LEAST_OPTION = 0.08
MOST_OPTIONS = 3
# Words that ask how something is done, or under what conditions, rather than that it be done.
ASKS_ABOUT = re.compile(
    r"^\W*(?:(?:hi|hello|hey|so|and|ok(?:ay)?)\W+)?"
    r"(?:(?:(?:from|since|until|till|by|at|for|to|in|on|with) )?(?:how|what|when|which)|why"
    r"|do (?:i|you|we)|does|is (?:it|there)|are)\b",
    re.IGNORECASE,
)
NO_INTENT = RankedIntent("", 0.0)


def decide(
    conversation: Conversation,
    reading: Reading,
    hits: Sequence[Hit],
    thresholds: Thresholds,
    catalogue: Catalogue,
) -> Decision:
    """Choose what to do. `hits` are passages that this customer may see, best first.

    The rules, first match wins: a paused conversation is a person's; a wish for a person is granted; a pressed
    button means its intent; a pending question takes its answer; Chinese is answered from approved cards or handed
    off; then intents and passages compete (`_open`). A second failure in a row hands off, and the first one of a
    customer who is angry; a passage shown in between that nobody called wrong ends the row.
    """
    if conversation.paused:
        return StaySilent()
    if reading.wants_person:
        return HandOff(HandoffReason.CUSTOMER_REQUEST)
    if reading.payload and reading.payload in catalogue:
        return _serve(reading.payload, conversation, reading, hits, thresholds, catalogue)
    if conversation.pending:
        reply = _pending(conversation, reading, hits, thresholds, catalogue)
        if reply:
            return reply
        if conversation.pending.name == PERHAPS_ANSWERED:  # who goes on to something else was understood there
            conversation = replace(conversation, misunderstandings=0)
    decision = _open(conversation, reading, hits, thresholds, catalogue)
    if reading.upset and isinstance(decision, Ask | HandOff):
        return HandOff(HandoffReason.NEGATIVE_SENTIMENT)  # an angry customer is not asked to put it another way
    if reading.act is not DialogAct.NONE and not isinstance(decision, Answer | RunAction):
        return Answer(phrase=Phrase.ACKNOWLEDGED)
    return decision


def _pending(
    conversation: Conversation,
    reading: Reading,
    hits: Sequence[Hit],
    thresholds: Thresholds,
    catalogue: Catalogue,
) -> Decision | None:
    """Take the message as the reply to what was asked; a different wish drops the question."""
    pending = conversation.pending
    assert pending is not None
    if pending.name in (OFFER_PERSON, PERHAPS_ANSWERED):
        return _offered(pending.name, conversation, reading)
    if reading.answers:  # before a no: "I changed my mind" may be the reason that was asked for
        named = "order_number" in reading.answers  # another order may come with another wish
        wish = _open(conversation, reading, hits, thresholds, catalogue) if named else None
        return wish if isinstance(wish, RunAction) and wish.action != pending.name else RunAction(pending.name)
    if reading.act is DialogAct.DENY:
        return Answer(phrase=Phrase.LET_GO)
    if conversation.requested_slot:
        value = reading.value(conversation.requested_slot)
        if value:
            return RunAction(pending.name, slots=_slots(reading))
    elif reading.act is DialogAct.AFFIRM:
        return RunAction(pending.name)
    other = _open(conversation, reading, hits, thresholds, catalogue)
    again = isinstance(other, RunAction) and other.action == pending.name and not other.slots
    if is_form(pending) and conversation.requested_slot and (isinstance(other, Ask) or again):
        return RunAction(pending.name)  # the form says what it could not read, and asks again
    if isinstance(other, Ask) or again:
        return _failed(conversation, Ask(Question.SLOT if conversation.requested_slot else Question.CONFIRM))
    return other


def is_form(pending: PendingAction) -> bool:
    """True for a pending question of a form."""
    return "filled" in pending.values


def _offered(name: str, conversation: Conversation, reading: Reading) -> Decision | None:
    """Take a yes or no to an offer that stands in the way of nothing else."""
    if reading.act is DialogAct.NONE:
        return None
    yes = reading.act is DialogAct.AFFIRM
    if name == OFFER_PERSON and yes:
        return HandOff(_reason(conversation))
    if name == PERHAPS_ANSWERED and not yes:
        return _failed(conversation, Ask(Question.UNKNOWN))
    return Answer(phrase=Phrase.ACKNOWLEDGED)


def _open(
    conversation: Conversation,
    reading: Reading,
    hits: Sequence[Hit],
    thresholds: Thresholds,
    catalogue: Catalogue,
) -> Decision:
    """Let intents and passages compete.

    A certain intent is served. Else a passage that is near enough answers, even where the head calls the
    utterance out of scope, for its article may be newer than the head. Else a likely action begins, since it asks
    before it changes anything, unless something is asked about that a passage may answer; a likely greeting is
    returned. Else a passage that may be meant is shown, with buttons for the actions that may be; or, where an action
    is likeliest and nothing was asked about, the intents are offered.
    """
    if reading.language == CHINESE:
        return _chinese(reading, hits, thresholds)
    in_scope = reading.out_of_scope < thresholds.out_of_scope
    may_be = reading.out_of_scope < max(thresholds.out_of_scope, thresholds.out_of_scope_ask)
    first, second = _two(reading, catalogue)
    alone = first.probability - second.probability >= thresholds.intent_margin and first.name in catalogue
    if in_scope and alone and first.probability >= thresholds.intent_probability:
        return _serve(first.name, conversation, reading, hits, thresholds, catalogue)
    if answer := _passages(hits, thresholds.answer):
        return answer
    entry = catalogue.get(first.name)
    code = reading.value("voucher") and entry and entry.action in ASKED_FOR  # it knows its codes
    likely = (may_be or code) and alone and first.probability >= thresholds.action_probability
    asks = bool(ASKS_ABOUT.search(reading.text))
    shown = _perhaps(hits, thresholds)
    answers = shown and asks and entry and entry.action not in ASKED_FOR and not reading.value("order_number")
    handle = entry.handle if entry and likely else None
    if (handle is Handle.RESPOND and in_scope) or (handle is Handle.ACTION and not answers):
        return _serve(first.name, conversation, reading, hits, thresholds, catalogue)
    options = _options(reading, catalogue) if may_be else ()
    all_searched = bool(options) and all(catalogue[name].handle is Handle.SEARCH for name in options)
    if all_searched and (answer := _passages(hits, thresholds.answer_in_scope)):
        return answer
    acts = tuple(name for name in options if catalogue[name].handle is Handle.ACTION)
    if shown and (not acts or options[0] not in acts or asks):
        return replace(shown, options=acts)
    if options and conversation.misunderstandings < 2:
        return Ask(Question.WHICH_INTENT, options)
    return shown or _failed(conversation, Ask(Question.UNKNOWN))


def _options(reading: Reading, catalogue: Catalogue) -> tuple[str, ...]:
    """The intents worth offering as buttons: those that may be meant, if together they are likelier than not."""
    known = [intent for intent in reading.intents if intent.name in catalogue and intent.probability >= LEAST_OPTION]
    served = [intent for intent in known if catalogue[intent.name].handle in (Handle.ACTION, Handle.SEARCH)]
    ranked = served[:MOST_OPTIONS]
    likely = sum(intent.probability for intent in ranked) >= ASK_PROBABILITY
    return tuple(intent.name for intent in ranked) if likely else ()


def _serve(
    intent: str,
    conversation: Conversation,
    reading: Reading,
    hits: Sequence[Hit],
    thresholds: Thresholds,
    catalogue: Catalogue,
) -> Decision:
    """Do what the company wants done with an intent that is certain."""
    entry = catalogue[intent]
    if entry.handle is Handle.HANDOFF:
        return HandOff(HandoffReason.CUSTOMER_REQUEST, intent)
    if entry.handle is Handle.ACTION and entry.action:
        about = _asked_about(entry.action, intent, conversation, reading, hits, thresholds)
        return about or RunAction(entry.action, intent, _slots(reading))
    if entry.handle is Handle.SEARCH and (answer := _passages(hits, thresholds.answer_in_scope, intent)):
        return answer
    if entry.responses:
        return Answer(intent, response=choose_response(entry.responses, conversation.message_id))
    near = _nearest(hits, thresholds.suggest_in_scope)
    return Ask(Question.PERHAPS, hits=near) if near else _failed(conversation, Ask(Question.UNKNOWN))


def _asked_about(
    action: str,
    intent: str,
    conversation: Conversation,
    reading: Reading,
    hits: Sequence[Hit],
    thresholds: Thresholds,
) -> Decision | None:
    """Answer a question about an action that changes something, with a button to begin it; None if it is a wish."""
    wish = reading.payload or reading.value("order_number") or action in ONLY_LOOK or conversation.pending
    if wish or not ASKS_ABOUT.search(reading.text):
        return None
    if answer := _passages(hits, thresholds.answer_in_scope, intent):
        return replace(answer, begins=intent)
    near = _nearest(hits, thresholds.suggest_in_scope)
    return Ask(Question.PERHAPS, (intent,), near) if near else None


def _perhaps(hits: Sequence[Hit], thresholds: Thresholds) -> Ask | None:
    """Show the best passage as what it is, perhaps the answer, if it is good enough for that."""
    near = _nearest(hits, thresholds.suggest)
    return Ask(Question.PERHAPS, hits=near) if near else None


def _passages(hits: Sequence[Hit], bar: Bar, intent: str | None = None) -> Answer | None:
    near = _nearest(hits, bar)
    return Answer(intent, near) if near else None


def _nearest(hits: Sequence[Hit], bar: Bar) -> tuple[Hit, ...]:
    """Return the passage that most probably answers, with another piece of its article nearly as near.

    Where nobody has judged what answers, it is the best-ranked of those that are near enough.
    """
    near = [hit for hit in hits if bar.reached_by(hit)]
    if not near:
        return ()
    # Words count too: a rare name tells more than a cosine.
    best = min(near, key=lambda hit: (-(hit.answer_probability or 0.0), hit.rank))
    second = [hit for hit in near if _belongs(hit, best)]
    return (best, *second[: MAX_PASSAGES - 1])


def _belongs(hit: Hit, best: Hit) -> bool:
    """True for a nearly as near piece of the same article: two sources might contradict each other."""
    passage, other = hit.passage, best.passage
    close = (best.cosine or 0.0) - (hit.cosine or 0.0) <= SECOND_PASSAGE_WITHIN
    same_page = passage.source == other.source and passage.kind is other.kind is PassageKind.ARTICLE
    return close and same_page and passage.id != other.id


def _chinese(reading: Reading, hits: Sequence[Hit], thresholds: Thresholds) -> Decision:
    """Answer from an approved card whose words are the question's, else hand off: the encoder reads no Chinese."""
    approved = [hit for hit in hits if hit.passage.kind is PassageKind.CARD and hit.passage.approved]
    scored = [(overlap_zh(reading.text, hit.passage), -hit.rank, hit) for hit in approved]
    best = max(scored, default=None, key=lambda row: row[:2])
    if best and best[0] >= thresholds.answer_overlap_zh:
        return Answer(hits=(best[2],))
    return HandOff(HandoffReason.UNSUPPORTED_REQUEST)


def _failed(conversation: Conversation, ask: Ask) -> Decision:
    """Ask, unless the last message was not understood either."""
    return HandOff(HandoffReason.REPEATED_MISUNDERSTANDING) if conversation.misunderstandings else ask


def _slots(reading: Reading) -> Mapping[str, str]:
    return {name: value for name in ACTION_SLOTS if (value := reading.value(name))}


def _reason(conversation: Conversation) -> HandoffReason:
    """Why the person was offered."""
    given = conversation.pending.values.get("reason") if conversation.pending else None
    if isinstance(given, str) and given in set(HandoffReason):
        return HandoffReason(given)
    return HandoffReason.MISSING_KNOWLEDGE


def _two(reading: Reading, catalogue: Catalogue) -> tuple[RankedIntent, RankedIntent]:
    """The two likeliest intents; siblings count as the likelier of the two, since the form tells them apart."""
    ranked: list[RankedIntent] = []
    for intent in reading.intents:
        twin = next((i for i, other in enumerate(ranked) if _siblings(other.name, intent.name, catalogue)), None)
        if twin is None:
            ranked.append(intent)
        else:
            ranked[twin] = RankedIntent(ranked[twin].name, ranked[twin].probability + intent.probability)
    ranked.sort(key=lambda intent: -intent.probability)
    ranked += [NO_INTENT, NO_INTENT]
    return ranked[0], ranked[1]


def _siblings(one: str, other: str, catalogue: Catalogue) -> bool:
    actions = {catalogue[name].action for name in (one, other) if name in catalogue}
    return len(actions) == 2 and actions <= SIBLINGS


def choose_response(responses: Sequence[str], message_id: str) -> str:
    """One of the responses, the same for the same message."""
    return responses[sum(message_id.encode()) % len(responses)]
