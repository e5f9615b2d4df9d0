"""The adapter on disk: peft's own two files, and which base they belong to."""

from __future__ import annotations

import json
import shutil
import tempfile
from pathlib import Path
from typing import Any

from bot.errors import ModelError
from bot.prompts import VERSION
from bot.response_weights import ADAPTER_FILES, BASE_FILE, base_fingerprint, check_adapter

FOLDER = "response"


def save_adapter(model: Any, folder: Path, *, base: Path, base_name: str) -> None:
    """Write the adapter into `folder`, replacing what is there; `base` is where its base lies, `base_name` what it is.

    Nothing in it names a place on this machine.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for config in model.peft_config.values():
        config.base_model_name_or_path, config.inference_mode = base_name, True
    with tempfile.TemporaryDirectory(dir=folder.parent) as half:
        model.save_pretrained(half, save_embedding_layers=False)  # else it asks a hub about the base
        for name in ADAPTER_FILES:
            shutil.move(Path(half) / name, folder / name)
            (folder / name).chmod(0o644)
    about = {"base": base_name, "fingerprint": base_fingerprint(base), "prompt": VERSION}
    (folder / BASE_FILE).write_text(json.dumps(about, indent=1) + "\n", "utf-8")


def load_adapter(model: Any, folder: Path, base: Path) -> Any:
    """Return the base model with the adapter of `folder` on it; raise ModelError if it belongs to another base."""
    check_adapter(folder, base)
    from peft import PeftModel

    try:
        return PeftModel.from_pretrained(model, str(folder), is_trainable=False).eval()
    except (OSError, ValueError, KeyError, RuntimeError) as error:
        raise ModelError(f"the adapter in {folder} cannot be loaded ({type(error).__name__}: {error})") from error


def adapter_files(folder: Path) -> dict[str, bytes]:
    """Return what goes into a bundle, by name."""
    return {f"{FOLDER}/{name}": (folder / name).read_bytes() for name in (*ADAPTER_FILES, BASE_FILE)}
