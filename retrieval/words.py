"""Text to words for BM25: folded, lightly stemmed, Chinese cut by jieba. The same for passages and queries."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from functools import lru_cache
from types import MappingProxyType
from typing import Any

_TOKEN = re.compile(r"[^\W_]+(?:'[^\W_]+)*")
_MIXED_TOKEN = re.compile(
    r"[\u3400-\u9fff\uf900-\ufaff]+|[\u3040-\u30ff]+|[\uac00-\ud7af]+"
    r"|[^\W_\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff\uac00-\ud7af]+(?:'[a-z]+)*"
)
_CJK = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff\uac00-\ud7af]")
_PLACEHOLDER = re.compile(r"\[[A-Z]{3,8}\]")

_STOP_WORDS = """
a about after again all also am an and any are aren't as at be because been before being but by can
can't cannot could did didn't do does doesn't doing don't down for from further get got had has have
haven't having he her here hers him his how i i'd i'll i'm i've if in into is isn't it it's its
itself just let like me more most my myself no nor not now of off on once one only or other our ours
out over own please same she should so some still such than that that's the their them then there
these they this those through to too under until up us very was wasn't we we'd we'll we're we've
were what when where which while who whom why will with won't would wouldn't you you'd you'll you're
you've your yours hi hello hey dear thanks thank name url
的 了 是 在 我 你 您 们 我们 你们 吗 呢 吧 啊 呀 哦 嗯 和 与 也
都 就 还 很 这 那 这个 那个 有 没有 一个 请 请问 会 要 可以 能 怎么 什么
"""
STOP_WORDS = frozenset(_STOP_WORDS.split())
NONE_FREQUENT: Mapping[str, int] = MappingProxyType({})


def words(text: str) -> list[str]:
    """Return the searchable words of a text, in order, repeats kept; stop words and placeholders are gone."""
    if "[" in text:
        text = _PLACEHOLDER.sub(" ", text)
    lower = text.lower().replace("’", "'")
    if lower.isascii() or not _CJK.search(lower):
        return [word for word in map(_word, _TOKEN.findall(lower)) if word]
    found: list[str] = []
    for token in _MIXED_TOKEN.findall(lower):
        if _CJK.match(token):
            found += [word for word in _cut(token) if word not in STOP_WORDS]
        elif word := _word(token):
            found.append(word)
    return found


def match_expression(text: str, *, frequent: Mapping[str, int] = NONE_FREQUENT, limit: int = 32) -> str:
    """Return an FTS5 expression that matches any word of the text, or "" if nothing is left to search for.

    `frequent` are words that many passages have, with how many: they are dropped if a rarer word remains; of a text
    made of nothing else the two rarest stay.
    """
    distinct = list(dict.fromkeys(words(text)))
    telling = [word for word in distinct if word not in frequent]
    chosen = telling or sorted(distinct, key=lambda word: frequent[word])[:2]
    return " OR ".join(f'"{word}"' for word in chosen[:limit])


@lru_cache(maxsize=65536)
def _word(token: str) -> str:
    """Return a token's stem, or "" for a stop word."""
    bare = token.split("'")[0]
    return "" if token in STOP_WORDS or bare in STOP_WORDS else _stem(_plain(bare))


def _plain(token: str) -> str:
    """Drop accents: "malmö" is found by "malmo"."""
    if token.isascii():
        return token
    decomposed = unicodedata.normalize("NFKD", token)
    return unicodedata.normalize("NFC", "".join(c for c in decomposed if not "\u0300" <= c <= "\u036f"))


def _stem(word: str) -> str:
    """Drop the commonest English endings, so that plural and tense do not hide a match; a rough, symmetric rule."""
    if len(word) < 4 or not word.isascii() or not word.isalpha():
        return word
    if word.endswith("ies") and len(word) > 4:
        return word[:-3] + "y"
    if word.endswith(("sses", "shes", "ches", "xes", "zes")):
        word = word[:-2]
    elif word.endswith("s") and not word.endswith(("ss", "us", "is")):
        word = word[:-1]
    for ending in ("ing", "ed"):
        stem = word.removesuffix(ending)
        if stem != word and len(stem) >= 3 and any(vowel in stem for vowel in "aeiouy"):
            doubled = len(stem) > 3 and stem[-1] == stem[-2] and stem[-1] not in "lsz"
            return stem[:-1] if doubled else stem.removesuffix("e")
    return word.removesuffix("e") if len(word) > 4 else word


def _cut(run: str) -> list[str]:
    return [word for word in _jieba().cut_for_search(run) if word.strip()]


def warm_up() -> None:
    """Load the Chinese dictionary now (about a second) instead of at the first Chinese text."""
    _jieba()


@lru_cache(maxsize=1)
def _jieba() -> Any:
    """jieba with its dictionary, read from its own package.

    jieba would rather load a marshalled copy from the shared temporary folder, where anybody could have put one.
    """
    import jieba

    jieba.dt.FREQ, jieba.dt.total = jieba.dt.gen_pfdict(jieba.dt.get_dict_file())
    jieba.dt.initialized = True
    return jieba
