"""Make transcript text fit to be masked, embedded and shown: characters, spaces, handles, links, split messages."""

from __future__ import annotations

import html
import re
import unicodedata
from collections.abc import Sequence

# Full-width letters, digits and signs that people type in Chinese and Japanese; punctuation such as ， stays.
_NARROW = {code: code - 0xFEE0 for code in (*range(0xFF10, 0xFF1A), *range(0xFF21, 0xFF3B), *range(0xFF41, 0xFF5B))}
_NARROW |= {0xFF20: ord("@"), 0xFF0B: ord("+"), 0xFF0D: ord("-"), 0x3000: ord(" ")}
_INVISIBLE = re.compile(
    r"[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2064\ufeff\ufffe\uffff]"
)
_SPACES = re.compile(r"[ \t\u00a0\u2000-\u200a\u202f\u205f]+")
_BREAKS = re.compile(r"\s*\n\s*")
_ENTITY = re.compile(r"&(?:#\d+|#x[0-9a-fA-F]+|[a-zA-Z]+);")
_URL = re.compile(r"(?:https?://|www\.)[^\s<>\"'，。）)\]]+", re.IGNORECASE)
_HANDLE = re.compile(r"(?<![\w.@])\.?@\w+(?![\w@]|\.\w):?")
_PART = re.compile(r"\s*[(\[]?\b([1-9])\s?/\s?([1-9])\b[)\]]?\s*$")
_PART_AT_START = re.compile(r"^\s*[(\[]?([1-9])\s?/\s?([1-9])[)\]]?\s+")
_INITIALS = re.compile(r"\s*(?:[*^/~\u2013\u2014-]\s?[A-Za-z]{1,3}\d?|[*^~]\s?[A-Z][a-z]{2,11})\s*$")

CJK = re.compile(r"[\u3400-\u9fff\uf900-\ufaff]")
_KANA = re.compile(r"[\u3040-\u30ff]")
_HANGUL = re.compile(r"[\uac00-\ud7af]")
_LETTER = re.compile(r"[^\W\d_]")


def clean(text: str) -> str:
    """Return text without invisible characters, HTML entities and runs of spaces; letters stay as they were typed."""
    if "&" in text:
        text = _ENTITY.sub(lambda match: html.unescape(match[0]), text)
    if not (text.isascii() and text.isprintable()):
        text = unicodedata.normalize("NFC", text).translate(_NARROW)
        text = _INVISIBLE.sub("", text.replace("\r\n", "\n").replace("\r", "\n").replace("\t", " "))
        text = _SPACES.sub(" ", _BREAKS.sub("\n", text))
    return _single_spaced(text)


def plain_turn(text: str) -> str:
    """Return a cleaned turn without handles (@company), with links as [URL]."""
    text = clean(text)
    if "@" in text:
        text = _HANDLE.sub("", text)
    if "://" in text or "www." in text or "WWW." in text:
        text = _URL.sub("[URL]", text)
    return _single_spaced(text)


def join_turns(turns: Sequence[str]) -> tuple[str, bool]:
    """Return consecutive turns of one person as one text, and whether it is whole.

    Messages split as "… 1/2", "… 2/2" lose their marks; a part that never came makes the text not whole. Initials an
    agent signs with ("*TMT", "^AB") go too.
    """
    pieces: list[str] = []
    parts_seen: dict[int, set[int]] = {}
    for turn in turns:
        text = _without_initials(turn)
        mark = _PART.search(text, max(0, len(text) - 12)) or _PART_AT_START.match(text) if "/" in text else None
        if mark is not None and int(mark[1]) <= int(mark[2]) and int(mark[2]) > 1:
            parts_seen.setdefault(int(mark[2]), set()).add(int(mark[1]))
            text = _without_initials(f"{text[: mark.start()]} {text[mark.end() :]}")
        text = text.strip()
        if text:
            pieces.append(text)
    whole = all(seen == set(range(1, total + 1)) for total, seen in parts_seen.items())
    return _single_spaced(" ".join(pieces)), whole


def language_of(text: str, default: str) -> str:
    """Return "zh", "ja" or "ko" where the script says so, else `default`."""
    if text.isascii():
        return default
    if _KANA.search(text):
        return "ja"
    letters = len(_LETTER.findall(text)) or 1
    if len(_HANGUL.findall(text)) * 3 > letters:
        return "ko"
    return "zh" if len(CJK.findall(text)) * 4 > letters else default


def _without_initials(text: str) -> str:
    signed = _INITIALS.search(text, max(0, len(text) - 20))  # only the end matters, and searching it all is slow
    return text[: signed.start()] if signed else text


def _single_spaced(text: str) -> str:
    return (_SPACES.sub(" ", text) if "  " in text else text).strip()
