"""Read an utterance by rules: a button's payload, entities, yes or no, a wish for a person.

Pure functions; the probabilities of a `Reading` come from the intent head in `bot/reader.py`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bot.types import DialogAct, Entity

PAYLOAD = re.compile(r"/([a-z][a-z0-9_]*)(\{.*\})?")
EMAIL = re.compile(
    r"(?<![\w.+-])[A-Za-z0-9][\w.+-]*@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*\.[A-Za-z]{2,24}(?![\w-])", re.ASCII
)
VOUCHER = re.compile(r"(?<![A-Za-z0-9])[A-Z]{3,12}\d{1,3}(?![A-Za-z0-9])", re.ASCII)
PLAIN = (str, int, list, dict)
# A code has a digit or is written in capitals; "voucher" and "I" are none.
CODE = re.compile(r"(?<![\w-])(?=[\w-]{0,40}\d|[A-Z-]{4,40}(?![\w-]))[A-Za-z0-9]+(?:-[A-Za-z0-9]+)*(?![\w-])", re.ASCII)
MOST_CODES = 6
DENIED = re.compile(
    r"\b(?:not|instead of|rather than|isn't|wasn't)(?: for| order| number| the| no\.?)*[\s:#]*$", re.IGNORECASE
)
WORD = re.compile(r"[a-z']+|[\u4e00-\u9fff]+")


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


STRONG_YES = _words(
    "yes yeah yep yup yea sure absolutely definitely certainly ok okay correct confirm confirmed affirmative please "
    "是 是的 好 好的 对 对的 可以 确认 行 没问题 嗯"
)
YES_FILLER = _words(
    "do it that this that's thats is right go ahead thanks thank you very much and i i'm am want to would like fine "
    "good great the all for me now my of course just perfect exactly 请 吧 谢谢"
)
STRONG_NO = _words("no nope nah not don't dont never negative 不 不是 不要 不用 不用了 别 不行 算了 没有")
NO_FILLER = _words(
    "thanks thank you please do it that that's thats mind i i'm want to would like the order all right sorry as is "
    "keep leave at moment now just on second actually changed need 谢谢 了"
)
NO_PHRASES = frozenset({
    "forget it", "forget about it", "leave it", "leave it as it is", "keep it", "keep the order", "never mind",
    "nevermind", "drop it", "stop that", "let it be", "let's leave it", "i'll think about it", "not now",
    "changed my mind", "i changed my mind", "rather not", "stop", "wait",
})  # fmt: skip
LEAD = re.compile(r"^\W*(?:(?:no|nope|nah|ok|okay|oh|sorry|actually|hmm?)\b[\s,.!]+)+")
# "please" alone agrees to nothing, though "yes please" does; "not" alone denies nothing.
NOT_ALONE = frozenset({"please", "not"})

PERSON = (
    r"(?:human(?: being)?|(?:real |actual |live )?person|agent|representative|advis[eo]r|operator|colleague|somebody|"
    r"someone|member of staff|staff|supervisor|manager)"
)
WANTS_PERSON = re.compile(
    r"(?:(?:talk|speak|chat|connect(?: me)?|transfer(?: me)?|put me through|hand (?:me|this) over|escalate|pass me)"
    rf"(?: directly| please| now)?(?: to| with)? (?:an? |the |one of your |your )?(?:\w+ )?{PERSON}\b"
    r"|\b(?:want|need|get me|give me|like) (?:an? |the )?(?:real |actual |live )?"
    r"(?:human|person|agent|representative|operator)\b)",
    re.IGNORECASE,
)
PERSON_ONLY = re.compile(rf"\W*(?:an? )?{PERSON}(?:,? (?:please|now))?\W*", re.IGNORECASE)
WANTS_PERSON_ZH = re.compile("人工|真人|客服人员|转接客服|找客服")
PERSON_BUTTON = "/talk_to_person"
ABOUT_PERSON = frozenset({"somebody", "someone", "staff", "manager"})


@dataclass(frozen=True, slots=True)
class OrderNumbers:
    """How the company writes order numbers: a prefix and a count of digits, `MG-10234`."""

    prefix: str = "MG-"
    digits: int = 5

    def find(self, text: str, *, bare: bool = False) -> list[Entity]:
        """Return the order numbers of a text in canonical form.

        Case, the dash and a space after it do not matter. Digits alone count if `bare`, after a `#`, or where
        the words "order", "number" or 订单 lead up to them.
        """
        stem = re.escape(self.prefix.rstrip("- "))
        written = re.compile(rf"(?<![A-Za-z0-9]){stem}[-– ]{{0,2}}(\d{{{self.digits}}})(?!\d)", re.IGNORECASE)
        found = [self._entity(match, 1) for match in written.finditer(text)]
        if found:
            return found
        lead = (
            r""
            if bare
            else r"(?:#|(?:orders?|number|no\.?|nr\.?|订单号?)\W{0,3}(?:is\W{1,2}|number\W{1,3}|no\.?\W{0,2}|#)?)"
        )
        alone = re.compile(rf"{lead}(?<![A-Za-z0-9.])(\d{{{self.digits}}})(?!\d)", re.IGNORECASE)
        return [self._entity(match, 1) for match in alone.finditer(text)]

    def canonical(self, text: str) -> str | None:
        """The order number that a value stands for, or None."""
        found = self.find(text, bare=True)
        return found[0].value if found else None

    @property
    def example(self) -> str:
        """One to show to a customer."""
        return self.prefix + "1023456789"[: self.digits].ljust(self.digits, "0")

    def _entity(self, match: re.Match[str], group: int) -> Entity:
        return Entity("order_number", self.prefix + match[group], match.start(), match.end())


def parse_payload(text: str) -> tuple[str, dict[str, Any]] | None:
    """Return the intent and entities of `/intent{"entity": "value"}`, or None if the text is no such payload.

    Messages of one turn come as lines; of several buttons pressed one after the other, the last counts.
    """
    pressed = None
    for line in text.strip().splitlines():
        pressed = _pressed(line.strip())
        if pressed is None:
            return None
    return pressed


def typed(text: str) -> str:
    """Return the lines that were typed, leaving out those of pressed buttons."""
    return "\n".join(line for line in text.splitlines() if not _pressed(line.strip())).strip()


def _pressed(line: str) -> tuple[str, dict[str, Any]] | None:
    match = PAYLOAD.fullmatch(line)
    if not match:
        return None
    try:
        values = json.loads(match[2]) if match[2] else {}
    except (ValueError, RecursionError):  # a thousand brackets are no button of ours
        return None
    return match[1], {str(name): _plain(value) for name, value in values.items() if isinstance(value, PLAIN)}


def _plain(value: Any) -> Any:
    """Text, a list of texts or an object of texts: all that a button of ours carries."""
    if isinstance(value, list):
        return [str(part) for part in value if isinstance(part, str | int)]
    if isinstance(value, dict):
        return {str(name): str(part) for name, part in value.items() if isinstance(part, str | int)}
    return str(value)


def read_entities(text: str, orders: OrderNumbers, requested: str | None = None) -> tuple[Entity, ...]:
    """Return order numbers, e-mail addresses and voucher codes in the order they appear."""
    found = orders.find(text, bare=requested == "order_number")
    found += [Entity("email", match[0].lower(), match.start(), match.end()) for match in EMAIL.finditer(text)]
    found += [Entity("voucher", match[0], match.start(), match.end()) for match in VOUCHER.finditer(text)]
    if requested == "voucher" and (codes := codes_in(text, loosely=True)):
        found.append(Entity("voucher", codes[0], text.index(codes[0]), text.index(codes[0]) + len(codes[0])))
    return tuple(sorted(found, key=lambda entity: entity.start))


def orders_meant(text: str, entities: Sequence[Entity], current: object = None) -> tuple[str, ...]:
    """Return the orders that a message means: none after "not", and beside `current` only what is new."""
    named = [entity for entity in entities if entity.entity == "order_number"]
    meant = [entity.value for entity in named if not DENIED.search(text[max(0, entity.start - 60) : entity.start])]
    numbers = tuple(dict.fromkeys(meant or [entity.value for entity in named]))
    return tuple(number for number in numbers if number != current) or numbers


def codes_in(text: str, *, loosely: bool = False) -> tuple[str, ...]:
    """Return at most six words that may be codes, longest first; `loosely` any single word, where one was asked for."""
    found = sorted(dict.fromkeys(CODE.findall(text)), key=lambda code: -len(code))
    if not found and loosely and len(text.split()) == 1:
        found = [text.strip(" .!?")]
    return tuple(code for code in found[:MOST_CODES] if code)


def payload_entities(values: Mapping[str, Any], orders: OrderNumbers) -> tuple[Entity, ...]:
    """Return the payload's entities that hold what their name promises; the rest is dropped."""
    found = []
    if order_number := orders.canonical(str(values.get("order_number", ""))):
        found.append(Entity("order_number", order_number, 0, 0))
    if match := EMAIL.fullmatch(str(values.get("email", "")).strip()):
        found.append(Entity("email", match[0].lower(), 0, 0))
    return tuple(found)


def read_act(text: str) -> DialogAct:
    """Say whether the whole utterance is a yes or a no.

    Every word must belong to one side: "yes, but send it elsewhere" and "no, cancel the other one" are neither.
    """
    plain = text.lower().replace("’", "'")
    if LEAD.sub("", plain).strip(" .!?") in NO_PHRASES:
        return DialogAct.DENY
    words = WORD.findall(plain)
    if not words or len(words) > 8 or any(c.isdigit() for c in plain):
        return DialogAct.NONE
    if len(words) == 1 and words[0] in NOT_ALONE:
        return DialogAct.NONE
    yes = any(word in STRONG_YES for word in words) and all(word in STRONG_YES | YES_FILLER for word in words)
    no = any(word in STRONG_NO for word in words) and all(word in STRONG_NO | NO_FILLER for word in words)
    if no:
        return DialogAct.NONE if set(words) & STRONG_YES - {"please"} else DialogAct.DENY
    return DialogAct.AFFIRM if yes else DialogAct.NONE


def leaves(text: str) -> bool:
    """True for words that drop what was begun; "I changed my mind" may also be a reason that was asked for."""
    return read_act(text) is DialogAct.DENY and "changed" not in text.lower()


def wants_person(text: str) -> bool:
    """True where the customer plainly asks for a human being, or a line is the button for one."""
    if PERSON_BUTTON in text.splitlines():
        return True
    if PERSON_ONLY.fullmatch(text):
        return text.lower().strip(" .!?") not in ABOUT_PERSON
    return bool(WANTS_PERSON.search(text) or WANTS_PERSON_ZH.search(text))
