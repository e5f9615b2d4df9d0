"""Texts to unit vectors: the only module that loads sentence-transformers, and only for models that need it.

A model folder is data here, never code: safetensors weights, modules of sentence-transformers itself, nothing remote.
"""

from __future__ import annotations

import hashlib
import json
import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from retrieval.errors import EncoderError
from retrieval.packed_bert import PackedBert, middle_layers, plain_bert
from retrieval.weights import LOADABLE_SUFFIXES, sha256_of

Embeddings = NDArray[np.float32]
"""float32 (B, D), rows of unit length."""

BatchDone = Callable[[int, int], None]
"""Told after each batch: texts done, texts in all."""

NOT_PART_OF_THE_MODEL = frozenset({"data_config.json", "config_sentence_transformers.json", "train_script.json"})


@runtime_checkable
class Encoder(Protocol):
    """Turns texts into vectors whose inner product says how alike they are."""

    @property
    def width(self) -> int:
        """D, the length of one vector."""

    @property
    def fingerprint(self) -> str:
        """A short name of the weights: equal fingerprints, equal vectors."""

    @property
    def folder(self) -> Path:
        """Where the weights lie; a bundle links its files."""

    def encode(self, texts: Sequence[str], *, on_batch: BatchDone | None = None) -> Embeddings:
        """Return float32 (B, D), rows of unit length, in the order of `texts`."""


@runtime_checkable
class TokenEncoder(Encoder, Protocol):
    """An encoder that also tells what it made of each token, for what one vector a text is too coarse for."""

    def encode_tokens(self, texts: Sequence[str]) -> tuple[Embeddings, list[Embeddings]]:
        """Return what `encode` does, and float32 (T, D) for each text: its tokens but the first and last, unit rows."""


@runtime_checkable
class LayerEncoder(TokenEncoder, Protocol):
    """An encoder that also tells what its middle layers made of a text: how it is said, not what it is about."""

    def encode_layers(self, texts: Sequence[str]) -> tuple[Embeddings, list[Embeddings], Embeddings]:
        """Return what `encode_tokens` does, and float32 (B, W): each middle layer's mean, side by side, any length."""


def model_files(folder: Path) -> list[Path]:
    """Return the files of a model folder that decide its vectors, in a fixed order; pickles and code are left out."""
    files = (path for path in folder.rglob("*") if path.is_file() and path.suffix in LOADABLE_SUFFIXES)
    wanted = (path for path in files if path.name not in NOT_PART_OF_THE_MODEL and not _hidden(path, folder))
    return sorted(wanted, key=lambda path: path.relative_to(folder).as_posix())


def fingerprint_of(folder: Path) -> str:
    """Return 12 hex digits that change with any file that decides the vectors, and with nothing else.

    File names and contents count; times, the folder's own name and unrelated files do not.
    """
    files = model_files(folder)
    if not files:
        raise EncoderError(
            f"{folder} holds no model (no .safetensors or .json file); give a sentence-transformers folder"
        )
    return fingerprint_from({path.relative_to(folder).as_posix(): sha256_of(path) for path in files})


def fingerprint_from(sums: Mapping[str, str]) -> str:
    """Return the fingerprint of a model whose files' sha256 are known, without reading them again."""
    digest = hashlib.sha256()
    for name, sha256 in sorted(sums.items()):
        digest.update(f"{name}\0{sha256}\n".encode())
    return digest.hexdigest()[:12]


def best_dtype(device: str) -> str:
    """Return "bfloat16" where it is fast (a GPU, AMX or AVX512-BF16), "float32" elsewhere.

    Without hardware support bf16 is slower than fp32: 17 against 127 texts/s on an AVX2-only EPYC, 2 cores, 2026-11.
    """
    import torch

    if device.startswith("cuda"):
        return "bfloat16" if torch.cuda.is_bf16_supported() else "float32"
    probes = (getattr(torch.cpu, name, None) for name in ("_is_amx_tile_supported", "_is_avx512_bf16_supported"))
    return "bfloat16" if any(probe is not None and probe() for probe in probes) else "float32"


class Engine(Protocol):
    """What runs a model: token ids in, one vector a text out, its length not yet 1."""

    def tokenize(self, texts: Sequence[str]) -> list[list[int]]:
        """Return each text's token ids, cut to the model's length."""

    def forward(self, token_ids: Sequence[Sequence[int]]) -> Embeddings:
        """Return float32 (B, D)."""

    def forward_tokens(self, token_ids: Sequence[Sequence[int]]) -> tuple[Embeddings, list[Embeddings]]:
        """Return float32 (B, D), and (T, D) for each text: a row a token."""

    def forward_layers(self, token_ids: Sequence[Sequence[int]]) -> tuple[Embeddings, list[Embeddings], Embeddings]:
        """Return the same, and (B, W): the means of `middle_layers`, side by side."""


class SentenceEncoder:
    """A sentence-transformers model that never runs a model's own code.

    On a CPU a plain BERT, such as MiniLM, runs without padding and without the library (`packed_bert`); everything
    else, and every GPU, goes through sentence-transformers. Batches are sorted by token length; a text's vector
    depends on its batch only in the last bits. `encode` may be called from several threads; calls take turns.
    """

    def __init__(
        self,
        folder: Path,
        *,
        device: str = "auto",
        threads: int = 0,
        batch_size: int = 64,
        fingerprint: str | None = None,
        packed: bool = True,
        eight_bit: bool | None = None,
    ) -> None:
        """`packed=False` asks for sentence-transformers itself: the twin that tests and `--bare` compare with.

        eight_bit: the matrices in bitsandbytes' LLM.int8; by default on a GPU, where bitsandbytes is installed.
        """
        _refuse_code(folder)
        self.folder = folder
        self.fingerprint = fingerprint or fingerprint_of(folder)
        import torch

        if threads:
            torch.set_num_threads(threads)
        self.device = ("cuda" if torch.cuda.is_available() else "cpu") if device == "auto" else device
        self.dtype = best_dtype(self.device)
        self.eight_bit = _eight_bit(self.device) if eight_bit is None else eight_bit
        self._batch_size = batch_size
        packed = packed and not self.eight_bit
        self._engine = _engine(folder, self.device, getattr(torch, self.dtype), packed, self.eight_bit)
        self._lock = threading.Lock()
        self.seconds = 0.0
        """Time spent inside `encode` since the start."""
        self.width = int(self.encode(["width"]).shape[1])

    def encode(self, texts: Sequence[str], *, on_batch: BatchDone | None = None) -> Embeddings:
        """Return float32 (B, D), rows of unit length, in the order of `texts`; (0, D) for none."""
        if not texts:
            return np.zeros((0, self.width), dtype=np.float32)
        return self._encode(texts, on_batch, None)

    def encode_tokens(self, texts: Sequence[str]) -> tuple[Embeddings, list[Embeddings]]:
        """Return what `encode` does, and float32 (T, D) for each text: its tokens but the first and last, unit rows.

        A text without any word has T = 0.
        """
        if not texts:
            return np.zeros((0, self.width), dtype=np.float32), []
        tokens: dict[int, Embeddings] = {}
        vectors = self._encode(texts, None, tokens)
        return vectors, [tokens[number] for number in range(len(texts))]

    def encode_layers(self, texts: Sequence[str]) -> tuple[Embeddings, list[Embeddings], Embeddings]:
        """Return what `encode_tokens` does, and float32 (B, W): each middle layer's mean, side by side, any length."""
        if not texts:
            return *self.encode_tokens(texts), np.zeros((0, self.encode_layers(["width"])[2].shape[1]), np.float32)
        tokens: dict[int, Embeddings] = {}
        layers: dict[int, Embeddings] = {}
        vectors = self._encode(texts, None, tokens, layers)
        rows = range(len(texts))
        return vectors, [tokens[number] for number in rows], np.stack([layers[number] for number in rows])

    def _encode(
        self,
        texts: Sequence[str],
        on_batch: BatchDone | None,
        each_token: dict[int, Embeddings] | None,
        each_layer: dict[int, Embeddings] | None = None,
    ) -> Embeddings:
        started = time.perf_counter()
        with self._lock:
            tokens = self._engine.tokenize(texts)
            order = sorted(range(len(texts)), key=lambda i: (-len(tokens[i]), i))
            rows: Embeddings | None = None
            for start in range(0, len(order), self._batch_size):
                chosen = order[start : start + self._batch_size]
                ids = [tokens[i] for i in chosen]
                if each_token is None:
                    vectors = self._engine.forward(ids)
                else:
                    if each_layer is None:
                        vectors, states = self._engine.forward_tokens(ids)
                    else:
                        vectors, states, middle = self._engine.forward_layers(ids)
                        each_layer.update(zip(chosen, middle, strict=True))
                    each_token.update((i, _unit(rows_of[1:-1])) for i, rows_of in zip(chosen, states, strict=True))
                if rows is None:
                    rows = np.empty((len(texts), vectors.shape[1]), dtype=np.float32)
                rows[chosen] = _unit(vectors)
                if on_batch is not None:
                    on_batch(start + len(chosen), len(texts))
            self.seconds += time.perf_counter() - started
        assert rows is not None
        return rows


class LibraryEngine:
    """sentence-transformers itself, on any device it knows."""

    def __init__(self, folder: Path, device: str, dtype: Any, eight_bit: bool = False) -> None:
        self._model = _load(folder, device, dtype, eight_bit)
        self._device = device
        self._tokenizer = self._model.tokenizer
        self._max_tokens = int(self._model.max_seq_length or 256)

    def tokenize(self, texts: Sequence[str]) -> list[list[int]]:
        """Return each text's token ids, cut to the model's length."""
        cut = self._tokenizer(list(texts), truncation=True, max_length=self._max_tokens, padding=False)
        ids: list[list[int]] = cut["input_ids"]
        return ids

    def forward(self, token_ids: Sequence[Sequence[int]]) -> Embeddings:
        """Return float32 (B, D), each text padded to the longest."""
        return self.forward_tokens(token_ids)[0]

    def forward_tokens(self, token_ids: Sequence[Sequence[int]]) -> tuple[Embeddings, list[Embeddings]]:
        """Return what `forward` does, and the last layer itself: float32 (T, D) for each text."""
        made, _ = self._made(token_ids)
        pooled, states = (made[name].float().cpu().numpy() for name in ("sentence_embedding", "token_embeddings"))
        return pooled, [rows[: len(ids)] for rows, ids in zip(states, token_ids, strict=True)]

    def forward_layers(self, token_ids: Sequence[Sequence[int]]) -> tuple[Embeddings, list[Embeddings], Embeddings]:
        """Return what `forward_tokens` does, and (B, W): the means of the middle layers, side by side."""
        import torch

        config = self._model[0].model.config
        config.output_hidden_states = True
        try:
            made, mask = self._made(token_ids)
        finally:
            config.output_hidden_states = False
        outputs = made["all_layer_embeddings"]
        weights = mask[:, :, None] / mask.sum(1)[:, None, None]
        means = [(outputs[n].float() * weights).sum(1) for n in middle_layers(len(outputs) - 1)]
        pooled, states = (made[name].float().cpu().numpy() for name in ("sentence_embedding", "token_embeddings"))
        tokens = [rows[: len(ids)] for rows, ids in zip(states, token_ids, strict=True)]
        return pooled, tokens, torch.cat(means, dim=1).cpu().numpy()

    def _made(self, token_ids: Sequence[Sequence[int]]) -> tuple[Any, Any]:
        """What the library makes of the padded batch, and its mask (B, longest)."""
        import torch

        longest = max(map(len, token_ids))
        pad = self._tokenizer.pad_token_id or 0
        ids = torch.full((len(token_ids), longest), pad, dtype=torch.long)
        mask = torch.zeros((len(token_ids), longest), dtype=torch.long)
        for row, tokens in enumerate(token_ids):
            ids[row, : len(tokens)] = torch.tensor(tokens)
            mask[row, : len(tokens)] = 1
        features = {"input_ids": ids.to(self._device), "attention_mask": mask.to(self._device)}
        with torch.inference_mode():
            return self._model(features), features["attention_mask"]


def _unit(rows: Embeddings) -> Embeddings:
    """The rows at length 1."""
    result: Embeddings = (rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12)).astype(np.float32)
    return result


def _eight_bit(device: str) -> bool:
    """True on a GPU with bitsandbytes; on a CPU 8 bits cost time and save little of a model this small."""
    return device.startswith("cuda") and find_spec("bitsandbytes") is not None


def _engine(folder: Path, device: str, dtype: Any, packed: bool, eight_bit: bool) -> Engine:
    shape = plain_bert(folder) if packed and device == "cpu" else None
    if shape is None:
        return LibraryEngine(folder, device, dtype, eight_bit)
    from safetensors import SafetensorError

    try:
        return PackedBert(folder, shape, dtype)
    except (OSError, KeyError, ValueError, RuntimeError, SafetensorError) as error:
        raise EncoderError(f"{folder} cannot be loaded as an encoder: {error}") from error


def _load(folder: Path, device: str, dtype: Any, eight_bit: bool) -> Any:
    from sentence_transformers import SentenceTransformer
    from transformers.utils import logging as transformers_logging

    transformers_logging.disable_progress_bar()
    kwargs: dict[str, Any] = {"dtype": dtype, "use_safetensors": True}
    if eight_bit:
        from transformers import BitsAndBytesConfig

        logging.getLogger("bitsandbytes").setLevel(logging.ERROR)  # it tells of every cast, at every multiplication
        kwargs |= {"quantization_config": BitsAndBytesConfig(load_in_8bit=True), "device_map": {"": device}}
    try:
        return SentenceTransformer(
            str(folder),
            device=None if eight_bit else device,  # there device_map says it
            trust_remote_code=False,
            local_files_only=True,
            model_kwargs=kwargs,
        ).eval()
    except (OSError, ValueError, KeyError, ImportError, RuntimeError) as error:
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise EncoderError(f"{folder} cannot be loaded as an encoder: {reason}") from error


def _refuse_code(folder: Path) -> None:
    """Raise EncoderError unless the folder is a model made of data alone."""
    if not (folder / "config.json").is_file() and not (folder / "modules.json").is_file():
        raise EncoderError(f"{folder} holds neither modules.json nor config.json; give a sentence-transformers folder")
    if not any(folder.rglob("*.safetensors")):
        raise EncoderError(f"{folder} holds no .safetensors weights; pickled weights are not loaded")
    for path in folder.rglob("*.json"):
        if path.name not in ("modules.json", "config.json", "tokenizer_config.json"):
            continue
        try:
            content = json.loads(path.read_text("utf-8"))
        except ValueError as error:
            raise EncoderError(f"{path} is not JSON: {error}") from error
        if isinstance(content, dict) and content.get("auto_map"):
            raise EncoderError(f"{path} asks to run the model's own code (auto_map); only plain models are loaded")
        if path.name == "modules.json":
            foreign = [
                m.get("type") for m in content if not str(m.get("type", "")).startswith("sentence_transformers.")
            ]
            if foreign:
                raise EncoderError(f"{path} names {foreign[0]!r}; only modules of sentence_transformers are loaded")


def _hidden(path: Path, folder: Path) -> bool:
    return any(part.startswith(".") for part in path.relative_to(folder).parts)
