"""An adapter that was tuned elsewhere, taken into the bundle if it belongs to the base there is here."""

from __future__ import annotations

from pathlib import Path

from bot.response_weights import BASE_FILE, base_of, check_adapter
from finetune.response.saved import adapter_files
from retrieval.bundle import write_bundle


def take_shipped(folder: Path, home: Path) -> str:
    """Publish a bundle with the adapter in `folder` and return its id.

    Raises ModelError if the base it names is another one here, or if it was tuned for another prompt.
    """
    check_adapter(folder, base_of(folder, home))
    return write_bundle(home, extra_files=adapter_files(folder), recipe={"response": {"shipped": _about(folder)}})


def _about(folder: Path) -> str:
    return " ".join((folder / BASE_FILE).read_text("utf-8").split())
