"""Tell the language of an utterance; unsure means English."""

from __future__ import annotations

import re
from functools import cache, lru_cache
from typing import Any

from bot.types import CHINESE, ENGLISH

CJK = re.compile(r"[\u3400-\u4dbf\u4e00-\u9fff]")
LETTER = re.compile(r"[^\W\d_]")
# Short texts are misread and short is the rule in a chat, so only what is long and certain counts.
LEAST_WORDS = 4
LEAST_PROBABILITY = 0.98
LANGUAGES = ("en", "zh", "de", "fr", "nl", "es", "it", "pt", "pl", "sv", "da")


@lru_cache(maxsize=1024)
def detect_language(text: str) -> str:
    """Return an ISO 639-1 code: zh where at least 30% of the letters are Chinese, else what langid is sure of."""
    letters = len(LETTER.findall(text))
    if letters and len(CJK.findall(text)) / letters >= 0.3:
        return CHINESE
    if len(text.split()) < LEAST_WORDS:
        return ENGLISH
    language, probability = _identifier().classify(text)
    return str(language) if float(probability) >= LEAST_PROBABILITY else ENGLISH


def warm_up() -> None:
    """Load the identifier now (about a second) rather than at the first utterance."""
    _identifier()


@cache
def _identifier() -> Any:
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    identifier = LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
    identifier.set_languages(list(LANGUAGES))
    return identifier
