"""How an utterance sounds: labelled texts in, a sentiment head for the bundle out (`bot/sentiment.py` serves it)."""

from __future__ import annotations
