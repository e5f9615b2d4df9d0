"""Finetune: turn a corpus and labelled utterances into a bundle, and say how good it is.

In: `corpus.db`, the current bundle's encoder and index, CSV files of labelled utterances and held-out questions.
Out: a new bundle with intent head and thresholds, and a report. It knows training and evaluation; it refuses to know
the running service. Everything is chosen on splits of the training data; a test file is opened once, by `evaluate`,
after the bundle is sealed.
"""

from __future__ import annotations

from finetune.errors import FinetuneError
from finetune.settings import Settings

__all__ = ["FinetuneError", "Settings"]
