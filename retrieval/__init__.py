"""Retrieval: find the passages that answer a question.

In: transcripts, help-centre articles; then query strings with their embeddings. Out: `Hit`s, best first, each with the
masked `Passage` it rests on; and bundles, the versioned folders that join encoder, index and heads. Knows files,
vectors, ranks and who may see a passage; refuses to know conversations in progress, HTTP and dialogue. Disk is touched
by the readers, `corpus`, `bundle` and `weights`; the network by `weights` alone.
"""

from __future__ import annotations

from retrieval.errors import RetrievalError
from retrieval.settings import Settings
from retrieval.types import Hit, Passage, PassageKind

__all__ = ["Hit", "Passage", "PassageKind", "RetrievalError", "Settings"]
