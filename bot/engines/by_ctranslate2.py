"""int8 (or float32) by CTranslate2: converted once for each base and adapter, kept beside the base."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Collection, Generator, Sequence
from pathlib import Path

import numpy as np

from bot.engines.engine import Logits, quiet
from bot.engines.held_out import calibration, open_tokenizer
from bot.engines.weights import Weights
from retrieval.weights import sha256_of

SUMS = "sums.json"
LIMIT = {"int8": 127, "int7": 63}
KEPT = 3
"""Conversions that stay on the shelf: the newest adapter's, the one before for a rollback, the bare base's."""


def open_ctranslate2(weights: Weights, threads: int, *, eight_bit: bool) -> CTranslate2Engine:
    """Load the conversion, made first if it is not there or not whole (15 s and more)."""
    quantization = eight_bits() if eight_bit else "float32"
    return CTranslate2Engine(converted(weights, quantization), quantization, threads)


def is_ready(weights: Weights) -> bool:
    """True if the conversion to 8 bits has been made, so that opening it takes a second."""
    return (_folder(weights, eight_bits()) / SUMS).is_file()


def eight_bits() -> str:
    """The 8 bits that this processor multiplies without harm."""
    return "int7" if saturates() else "int8"


def saturates() -> bool:
    """True for an x86 processor without VNNI: it adds two products of int8 numbers in 16 bits, where they may not fit.

    With weights of the full 8 bits the logits of a random Llama were 32% off there, with 7 bits 10%, without saturating
    5% (EPYC with AVX2, November 2026).
    """
    try:
        flags = next(line for line in Path("/proc/cpuinfo").read_text("utf-8").splitlines() if line.startswith("flags"))
    except (OSError, StopIteration):
        return False
    return not {"avx_vnni", "avx512_vnni", "amx_int8"} & set(flags.split())


def converted(weights: Weights, quantization: str) -> Path:
    """Return the folder of the conversion; it appears whole or not at all, and a damaged one is made again."""
    folder = _folder(weights, quantization)
    if _is_whole(folder):
        return folder
    with weights.alone_at_the_shelf():
        if not _is_whole(folder):
            _convert(weights, quantization, folder)
            _prune(weights.shelf, f"ctranslate2-{quantization}-*", folder)
    return folder


class CTranslate2Engine:
    """A converted model. It decodes in a thread of its own with the niceness of the thread that opens it."""

    def __init__(self, folder: Path, quantization: str, threads: int) -> None:
        import ctranslate2

        self._generator = ctranslate2.Generator(
            str(folder),
            device="cpu",
            compute_type=quantization.replace("7", "8"),
            inter_threads=1,
            intra_threads=threads,
        )
        self._names: list[str] = json.loads((folder / "vocabulary.json").read_text("utf-8"))
        self._bytes = (folder / "model.bin").stat().st_size

    @property
    def weight_bytes(self) -> int:
        """Bytes of the converted model."""
        return self._bytes

    def decode(self, prompt: Sequence[int], *, head: int, max_tokens: int, stops: Collection[int]) -> Generator[int]:
        """Yield the tokens that greedily follow, as Engine says; a head is kept by the library, for good."""
        names = [self._names[token] for token in prompt]
        if not 0 < head < len(prompt):
            head = 0
        steps = self._generator.generate_tokens(
            names[head:],
            max_length=max_tokens,
            sampling_topk=1,
            end_token=sorted(stops),
            static_prompt=names[:head] or None,
            cache_static_prompt=True,
        )
        try:
            for step in steps:
                yield int(step.token_id)
        finally:
            steps.close()

    def logits(self, ids: Sequence[int]) -> Logits:
        """Return float32 (T, V)."""
        import ctranslate2

        batch = ctranslate2.StorageView.from_array(np.asarray([ids], dtype=np.int32))
        lengths = ctranslate2.StorageView.from_array(np.asarray([len(ids)], dtype=np.int32))
        made: Logits = np.array(self._generator.forward_batch(batch, lengths), dtype=np.float32)[0]
        return made


def _convert(weights: Weights, quantization: str, folder: Path) -> None:
    import ctranslate2

    quiet("ctranslate2")
    draft = Path(tempfile.mkdtemp(prefix=".converting-", dir=weights.shelf))
    try:
        with weights.merged() as plain:
            _write(weights, plain, quantization, draft)
        sums = {path.name: sha256_of(path) for path in sorted(draft.iterdir())}
        about = {"ctranslate2": ctranslate2.__version__, "weights": weights.fingerprint, "sha256": sums}
        (draft / SUMS).write_text(json.dumps(about, indent=1), "utf-8")
        draft.chmod(0o755)
        shutil.rmtree(folder, ignore_errors=True)
        os.replace(draft, folder)
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def _write(weights: Weights, plain: Path, quantization: str, into: Path) -> None:
    """Convert as the library's own `convert` does, the weights of a Llama rounded with more care than it takes.

    Weights of int7 are at most 63, since 255·63·2 < 2^15.
    """
    from ctranslate2.converters import TransformersConverter

    from bot.engines.rounding import round_spec, watch

    spec = TransformersConverter(str(plain))._load()
    spec.validate()
    if quantization == "float32":
        spec.optimize(quantization)
    else:
        import torch

        model = weights.load(torch.float32)
        config = model.config
        if config.model_type == "llama":
            seen = watch(model, calibration(open_tokenizer(weights.folder)))
            del model
            groups = config.num_attention_heads // config.num_key_value_heads
            round_spec(spec, seen, LIMIT[quantization], groups, config.head_dim)
            spec.optimize()
        else:
            spec.optimize("int8")
    spec.save(str(into))


def _folder(weights: Weights, quantization: str) -> Path:
    return weights.shelf / f"ctranslate2-{quantization}-{weights.fingerprint}"


def _is_whole(folder: Path) -> bool:
    """True if every file is what the conversion wrote."""
    try:
        sums = json.loads((folder / SUMS).read_text("utf-8"))["sha256"]
        return all(sha256_of(folder / name) == expected for name, expected in sums.items())
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return False


def _prune(shelf: Path, pattern: str, made: Path) -> None:
    """Delete all but the newest conversions."""
    found = sorted((path for path in shelf.glob(pattern) if path != made), key=lambda path: path.stat().st_mtime)
    for path in found[: max(0, len(found) - KEPT + 1)]:
        shutil.rmtree(path, ignore_errors=True)
