"""Turn passages into a reply: their own words, shortened where they are long, with the sources."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from bot.presentable import sentences, shown_text
from bot.types import Citation, Draft
from retrieval.types import Hit, Passage

# A piece this short is said whole; a longer one gives its best run of sentences. 600 characters are about
# eight lines of a chat window.
WHOLE_CHARS = 600
BEST_SENTENCES = 3
BEST_CHARS = 420
SNIPPET_CHARS = 160
BLANK_LINES = re.compile(r"\n\s*\n")
WORD = re.compile(r"[^\W_]+")
STOP = frozenset(
    WORD.findall(
        "a an and are as at be been but by can could did do does for from had has have how i if in into is it its me "
        "my no not of on or our so that the their them there they this to was we were what when where which who will "
        "with would you your am any about get got just please"
    )
)


def answer_text(question: str, hits: Sequence[Hit]) -> str:
    """Return what the hits' passages say, in order; pieces of one page follow each other without repetition.

    No blank lines: Rasa would cut the reply into several messages there.
    """
    parts: list[str] = []
    for hit in hits:
        text = shown_text(hit.passage)
        if text and not any(text in said or said in text for said in parts):
            parts.append(excerpt(question, text))
    return BLANK_LINES.sub("\n", "\n".join(parts))


def excerpt(question: str, text: str) -> str:
    """Return the text if it is short, else the run of up to three sentences that shares most words with the question.

    Ties go to the earlier run. Where the question shares no word with the text, its beginning is taken.
    """
    if len(text) <= WHOLE_CHARS:
        return text
    parts = sentences(text)
    wanted = content_words(question)
    runs = [_run(parts, start) for start in range(len(parts))]
    best = max(runs, key=lambda run: len(wanted & content_words(run)))
    return best if len(best) <= WHOLE_CHARS else best[: WHOLE_CHARS - 1].rsplit(" ", 1)[0] + "…"


def content_words(text: str) -> set[str]:
    """Return the words that carry meaning, lower case, cut to a crude stem."""
    return {_stem(word) for word in WORD.findall(text.lower()) if word not in STOP}


def cite(passage: Passage) -> Citation:
    """Return the citation of a passage; its snippet never ends within a word."""
    text = (shown_text(passage) or passage.text).replace("\n", " ")
    snippet = text if len(text) <= SNIPPET_CHARS else text[:SNIPPET_CHARS].rsplit(" ", 1)[0] + "…"
    return Citation(passage.id, passage.kind.value, passage.title, passage.source, snippet)


def citations(hits: Iterable[Hit]) -> tuple[Citation, ...]:
    """Return one citation a passage, in order."""
    return tuple(cite(hit.passage) for hit in hits)


def extractive_drafts(question: str, hits: Sequence[Hit], most: int) -> list[Draft]:
    """Return up to `most` different drafts from the best passages that need no placeholder filled in."""
    drafts: list[Draft] = []
    for hit in hits:
        text = shown_text(hit.passage)
        if text is None:
            continue
        text = excerpt(question, text)
        if all(text != draft.text for draft in drafts):
            drafts.append(Draft(text, "passage", (cite(hit.passage),)))
        if len(drafts) == most:
            break
    return drafts


def _run(parts: Sequence[str], start: int) -> str:
    run = parts[start]
    for part in parts[start + 1 : start + BEST_SENTENCES]:
        if len(run) + len(part) > BEST_CHARS:
            break
        run += " " + part
    return run


def _stem(word: str) -> str:
    for ending in ("ing", "ed", "es", "s"):
        if word.endswith(ending) and len(word) - len(ending) >= 3:
            return word[: -len(ending)]
    return word
