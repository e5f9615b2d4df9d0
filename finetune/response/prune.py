"""A smaller language model: layers dropped from the middle, and the rest taught to say what the whole one said."""

from __future__ import annotations

import json
import math
import shutil
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from finetune.encoder.batches import batches
from finetune.errors import BadRecipe
from finetune.progress import Told
from finetune.response.adapters import load_base
from finetune.response.loop import loss_of
from finetune.response.loss import Speaker
from finetune.response.recipe import ResponseRecipe
from finetune.response.tokens import IGNORED, Row, batch_of

TEMPERATURE = 2.0
LEARNING_RATE = 1e-4
PACE_TOKENS = 64


@dataclass(frozen=True, slots=True)
class Pruned:
    """What became of a model: layers kept (numbers in the old one), perplexity on text held out, tokens a second."""

    kept: tuple[int, ...]
    perplexity_before: float
    perplexity_cut: float
    perplexity_distilled: float
    tokens_per_s_before: float
    tokens_per_s: float

    def as_dict(self) -> dict[str, Any]:
        """The report as JSON."""
        return asdict(self)


def layers_to_keep(layers: int, drop: int) -> tuple[int, ...]:
    """Return the numbers of the layers that stay when `drop` are taken out of the middle.

    The first and the last quarter stay, since what enters and what leaves is made there; of the rest those are dropped
    that lie evenly between. With more to drop than the middle has, the block of the middle grows to both sides.
    Raises BadRecipe if fewer than two would be left.
    """
    if drop > layers - 2:
        raise BadRecipe(f"prune_layers is {drop}; a model of {layers} layers can lose {layers - 2}")
    quarter = layers // 4
    middle = list(range(quarter, layers - quarter))
    if drop > len(middle):
        first = (layers - drop + 1) // 2
        gone = set(range(first, first + drop))
    else:
        gone = {middle[int((number + 0.5) * len(middle) / drop)] for number in range(drop)}
    return tuple(layer for layer in range(layers) if layer not in gone)


def cut(model: Any, keep: Sequence[int]) -> Any:
    """Return the model with those layers only, in place; the cache's numbering follows."""
    from torch import nn

    blocks = model.model.layers if hasattr(getattr(model, "model", None), "layers") else None
    if blocks is None:
        raise BadRecipe(f"{type(model).__name__} keeps its layers elsewhere than Llama does; prune_layers must be 0")
    model.model.layers = nn.ModuleList([blocks[layer] for layer in keep])
    for number, block in enumerate(model.model.layers):
        if hasattr(getattr(block, "self_attn", None), "layer_idx"):
            block.self_attn.layer_idx = number
    model.config.num_hidden_layers = len(keep)
    kinds = getattr(model.config, "layer_types", None)
    if kinds:
        model.config.layer_types = [kinds[layer] for layer in keep]
    return model


def prune(
    base: Path,
    rows: Sequence[Row],
    recipe: ResponseRecipe,
    folder: Path,
    *,
    pad: int,
    told: Told | None = None,
) -> Pruned:
    """Write the model of `base` without `recipe.prune_layers` layers into `folder`, distilled on `rows` of plain text.

    A tenth of the rows is held out to measure on. All weights that are left learn but the embeddings; the loss is the
    divergence from the whole model's next-token distribution at temperature 2 (Hinton et al. 2015).
    """
    import torch

    torch.manual_seed(recipe.seed)
    held, learnt = list(rows[::10]), [row for number, row in enumerate(rows) if number % 10]
    whole, student = load_base(base, eight_bit=False), load_base(base, eight_bit=False, dtype="float32")
    plain = replace(recipe, share_prefix=False)
    before, pace_before = loss_of(Speaker(whole), held, plain, pad), tokens_per_s(whole)
    keep = layers_to_keep(int(whole.config.num_hidden_layers), recipe.prune_layers)
    cut(student, keep)
    rough = loss_of(Speaker(student), held, plain, pad)
    _distil(whole, student, learnt, recipe, pad, told)
    fine = loss_of(Speaker(student), held, plain, pad)
    _write(student, base, folder)
    return Pruned(keep, math.exp(before), math.exp(rough), math.exp(fine), pace_before, tokens_per_s(student))


def tokens_per_s(model: Any, tokens: int = PACE_TOKENS) -> float:
    """Return how many tokens a second the model writes by itself, greedily, whatever they say."""
    import torch

    ids = torch.ones((1, 8), dtype=torch.long, device=next(model.parameters()).device)
    with torch.inference_mode():
        out = model(input_ids=ids, use_cache=True)
        started = time.perf_counter()
        for _ in range(tokens):
            following = out.logits[:, -1:].argmax(-1)
            out = model(input_ids=following, past_key_values=out.past_key_values, use_cache=True)
    return tokens / (time.perf_counter() - started)


def _distil(whole: Any, student: Any, rows: Sequence[Row], recipe: ResponseRecipe, pad: int, told: Told | None) -> None:
    import torch
    from torch.nn import functional

    learning = [part for name, part in student.named_parameters() if "embed" not in name and "lm_head" not in name]
    for parameter in learning:
        parameter.requires_grad = True
    optimizer = torch.optim.AdamW(learning, lr=LEARNING_RATE, weight_decay=0.0, fused=True)
    teacher, pupil = Speaker(whole), Speaker(student)
    steps = recipe.distil_epochs * math.ceil(len(rows) / recipe.batch)
    done, started = 0, time.monotonic()
    for epoch in range(recipe.distil_epochs):
        for chosen in batches([len(row.ids) for row in rows], recipe.batch, recipe.seed, epoch):
            for group in optimizer.param_groups:
                group["lr"] = LEARNING_RATE * min(1.0, (done + 1) / (0.1 * steps + 1)) * (1 - done / steps)
            batch = batch_of([rows[row] for row in chosen], pad, share_prefix=False)
            with torch.no_grad():
                wanted, labels = teacher.logits(batch)
            counts = labels.flatten() != IGNORED
            right = functional.log_softmax(wanted.flatten(0, 1)[counts].float() / TEMPERATURE, -1)
            said = functional.log_softmax(pupil.logits(batch)[0].flatten(0, 1)[counts].float() / TEMPERATURE, -1)
            loss = TEMPERATURE**2 * functional.kl_div(said, right, reduction="batchmean", log_target=True)
            loss.backward()  # type: ignore[no-untyped-call]
            torch.nn.utils.clip_grad_norm_(learning, recipe.clip)
            optimizer.step()
            optimizer.zero_grad()
            done += 1
            if told:
                told(done, steps, (time.monotonic() - started) / done * (steps - done))
    for parameter in learning:
        parameter.requires_grad = False


def _write(model: Any, base: Path, folder: Path) -> None:
    """Write the model beside its base's tokenizer, whole or not at all."""
    import torch

    folder.parent.mkdir(parents=True, exist_ok=True)
    draft = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    try:
        model.to(torch.bfloat16).save_pretrained(draft)
        for file in base.iterdir():
            beside = file.is_file() and file.suffix in (".json", ".jinja", ".model", ".txt")
            if beside and not (draft / file.name).exists():
                shutil.copy(file, draft / file.name)
        config = json.loads((draft / "config.json").read_text("utf-8"))
        config.pop("_name_or_path", None)
        (draft / "config.json").write_text(json.dumps(config, indent=2) + "\n", "utf-8")
        draft.chmod(0o755)
        if folder.exists():
            shutil.rmtree(folder)
        draft.replace(folder)
    finally:
        shutil.rmtree(draft, ignore_errors=True)
