"""The response model's weights: a folder of safetensors, and perhaps an adapter that a bundle brings along."""

from __future__ import annotations

import fcntl
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256
from pathlib import Path
from typing import Any

from bot.engines.adapter import merge_adapter
from bot.errors import ModelError
from bot.response_weights import check_adapter, folder_of, is_there

ADAPTER = "response"
"""A bundle's folder for it."""
ADAPTER_WEIGHTS = "adapter_model.safetensors"


@dataclass(frozen=True)
class Weights:
    """A base model and, in `adapter`, the folder of a peft adapter trained on it (with the base.json that says so)."""

    folder: Path
    adapter: Path | None = None

    @cached_property
    def fingerprint(self) -> str:
        """12 hex digits that change with any file that decides what is written."""
        from retrieval.encoder import fingerprint_of
        from retrieval.errors import RetrievalError

        try:
            base = fingerprint_of(self.folder)
            return base if self.adapter is None else _joined(base, fingerprint_of(self.adapter))
        except (RetrievalError, OSError) as error:
            raise ModelError(f"the response model in {self.folder} cannot be loaded ({error})") from error

    @property
    def shelf(self) -> Path:
        """Beside the base: where conversions of these weights and measurements lie."""
        return self.folder.with_name(f"{self.folder.name}.engines")

    def made_shelf(self) -> Path:
        """The shelf, there by now."""
        self.shelf.mkdir(parents=True, exist_ok=True)
        return self.shelf

    @contextmanager
    def alone_at_the_shelf(self) -> Iterator[None]:
        """Wait until no other process converts; the kernel frees the lock when its holder dies."""
        with (self.made_shelf() / ".lock").open("w") as opened:
            fcntl.flock(opened, fcntl.LOCK_EX)
            yield

    def load(self, dtype: Any, **more: Any) -> Any:
        """Return the transformers model in `dtype`, the adapter merged into it in float32 before it is rounded."""
        import torch
        from transformers import AutoModelForCausalLM
        from transformers.utils import logging as transformers_logging

        transformers_logging.disable_progress_bar()
        model: Any = AutoModelForCausalLM.from_pretrained(
            self.folder,
            dtype=dtype if self.adapter is None else torch.float32,
            local_files_only=True,
            use_safetensors=True,
            trust_remote_code=False,
            **more,
        )
        if self.adapter is not None:
            check_adapter(self.adapter, self.folder)
            merge_adapter(model, self.adapter)
        return model.to(dtype).eval()

    @contextmanager
    def merged(self) -> Iterator[Path]:
        """A folder with the adapter merged in (float32), gone afterwards; the base's own folder if there is none."""
        if self.adapter is None:
            yield self.folder
            return
        import torch

        draft = Path(tempfile.mkdtemp(prefix=".merged-", dir=self.made_shelf()))
        try:
            self.load(torch.float32).save_pretrained(draft)
            for path in self.folder.iterdir():
                if path.is_file() and not (draft / path.name).exists() and path.suffix != ".safetensors":
                    shutil.copyfile(path, draft / path.name)
            yield draft
        finally:
            shutil.rmtree(draft, ignore_errors=True)


def weights_that_serve(home: Path) -> Weights:
    """The base in this home with the adapter of its current bundle, if that has one. ModelError without a base."""
    from retrieval.errors import NoBundle
    from retrieval.manifest import current_id

    if not is_there(home):
        raise ModelError(f"{folder_of(home)} holds no response model; `nightdesk doctor --mend` fetches it")
    try:
        return Weights(folder_of(home), adapter_in(home / "models" / current_id(home)))
    except NoBundle:
        return Weights(folder_of(home))


def adapter_in(bundle: Path) -> Path | None:
    """The folder of the response adapter that a bundle brings along, None if it brings none."""
    folder = bundle / ADAPTER
    return folder if (folder / ADAPTER_WEIGHTS).is_file() else None


def _joined(base: str, adapter: str) -> str:
    return sha256(f"{base}\0{adapter}".encode()).hexdigest()[:12]
