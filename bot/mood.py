"""Hear anger at us: by rules for words of anger, shouting and oaths, and by the sentiment head where there is one.

What is merely sad ("it arrived dead") is not anger. Conservative on purpose: it decides who is handed to a person at
once and to whom nothing is offered.
"""

from __future__ import annotations

import re

from bot.types import Sentiment

ANGER = re.compile(
    r"\b(?:ridiculous|unacceptable|outrageous|disgrace(?:ful)?|disgust(?:ed|ing)|appalling|"
    r"pathetic|useless|incompetent|"
    r"scam(?:mers?)?|fraud|thie(?:f|ves)|liars?|lying|rip[- ]?off|joke of a|"
    r"worst (?:shop|service|company|experience)|"
    r"fed up|sick of|had enough|furious|livid|angry|fuming|pissed|never (?:again|order(?:ing)? from you)|"
    r"(?:small claims|my lawyer|legal action|sue you|report you|trading standards|consumer (?:board|authority))|"
    r"how dare|are you (?:kidding|joking|serious)|what the hell|wtf|ffs|bullshit|crap|"
    r"idiots?|morons?|stupid (?:bot|company))\b",
    re.IGNORECASE,
)
ANGER_ZH = re.compile("投诉|骗子|骗人|垃圾|太差|气死|忍无可忍|欺骗|黑店|差评")
SHOUTED = re.compile(r"(?:\b[A-Z]{3,}\b[\s,.!?]*){3,}")
MARKS = re.compile(r"[!?]{3,}")
NOT_REALLY = re.compile(r"\b(?:not|isn't|wasn't|never been) (?:angry|furious|livid|fed up)\b", re.IGNORECASE)


def is_upset(text: str, sentiment: Sentiment | None = None) -> bool:
    """True where the words are angry with us: an angry word, shouting with marks, or a head that is sure."""
    return sounds_angry(text) or (sentiment is not None and sentiment.upset)


def sounds_angry(text: str) -> bool:
    """True where the rules alone hear it."""
    plain = NOT_REALLY.sub(" ", text)
    if ANGER.search(plain) or ANGER_ZH.search(plain):
        return True
    return bool(SHOUTED.search(plain)) and ("!" in plain or bool(MARKS.search(plain)))
