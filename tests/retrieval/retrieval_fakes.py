"""An encoder that hashes words (real vectors, real neighbours, nothing to download), and rows to ingest."""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from retrieval.encoder import BatchDone, Embeddings, fingerprint_of

KEY = b"a master key for tests, 32 bytes"

ARTICLE = """# Returning pots

## How it works

Ask us for a return label in the chat. Put the pot into its box and bring it to any parcel shop within thirty days.

## What it costs

The label costs four euro for one parcel. We take it off the refund, which arrives on the card you paid with.
"""


def thread(number: object, *turns: str, customer: str | None = None) -> dict[str, Any]:
    """One transcript: turns alternate, the customer speaks first."""
    roles = ("customer", "agent")
    row: dict[str, Any] = {"id": number, "turns": [{"role": roles[n % 2], "text": t} for n, t in enumerate(turns)]}
    return row | ({"customer": customer} if customer else {})


def write_rows(path: Path, rows: Sequence[Mapping[str, Any] | str]) -> Path:
    """Write a JSONL file; a str goes in as it is."""
    path.write_text(
        "".join((r if isinstance(r, str) else json.dumps(r, ensure_ascii=False)) + "\n" for r in rows), "utf-8"
    )
    return path


class HashingEncoder:
    """Each word adds a fixed direction; texts that share words are near. `folder` holds files as a model's would."""

    def __init__(self, folder: Path, width: int = 32, seed: int = 0) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        config = folder / "config.json"
        if not config.exists():
            config.write_text(json.dumps({"hidden_size": width, "seed": seed}))
            (folder / "model.safetensors").write_bytes(b"weights of a hashing encoder %d" % seed)
        self.folder = folder
        self.width = int(json.loads(config.read_text())["hidden_size"])
        self._seed = int(json.loads(config.read_text())["seed"])
        self.fingerprint = fingerprint_of(folder)
        self.texts_seen = 0
        self._known: dict[str, np.ndarray] = {}

    def encode(self, texts: Sequence[str], *, on_batch: BatchDone | None = None) -> Embeddings:
        """Return unit rows. They depend a little on what shares the batch, as a real model's last bits do."""
        rows = np.zeros((len(texts), self.width), dtype=np.float32)
        for number, text in enumerate(texts):
            for word in text.lower().split():
                rows[number] += self._direction(word.strip(".,?!"))
        rows += np.float32(1e-3) * (zlib.crc32(" ".join(texts).encode()) % 97)
        self.texts_seen += len(texts)
        if on_batch is not None:
            on_batch(len(texts), len(texts))
        return rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-9)

    def _direction(self, word: str) -> np.ndarray:
        if word not in self._known:
            generator = np.random.default_rng(zlib.crc32(word.encode()) + self._seed)
            self._known[word] = generator.normal(size=self.width).astype(np.float32)
        return self._known[word]
