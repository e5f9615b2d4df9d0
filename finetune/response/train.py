"""`nightdesk train --response`: tune the response model on the company's exchanges, and publish it if it is better."""

from __future__ import annotations

import hashlib
import math
import time
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from bot.response_weights import base_fingerprint, resolve
from finetune.curves import Curves, NoCurves
from finetune.errors import BadLabels, NothingToServe
from finetune.progress import Told
from finetune.response.corpus import company_text, read_examples
from finetune.response.examples import Example, split
from finetune.response.recipe import MERGEABLE, ResponseRecipe
from finetune.settings import Settings
from retrieval.bundle import CurrentBundle, write_bundle
from retrieval.errors import NoBundle
from retrieval.settings import Settings as RetrievalSettings

WORK = "training/response"
"""In the home, where a killed run goes on from."""
TEXT_TOKENS = 256
LEAST_EXAMPLES = 20


@dataclass(frozen=True)
class Tuned:
    """A tuned model in memory, and how it came about."""

    model: Any
    base: Path
    base_name: str
    report: dict[str, Any]

    @property
    def better(self) -> bool:
        """Whether it finds agents' words less surprising than its base did, on conversations it never saw."""
        return bool(self.report["perplexity"] < self.report["perplexity_before"])


def train_response(
    settings: Settings,
    retrieval: RetrievalSettings,
    home: Path,
    *,
    model: str = "smollm2",
    curves: Curves | None = None,
    told: Told | None = None,
) -> dict[str, Any]:
    """Publish a bundle with a newly tuned adapter, if it is better than its base on held-out conversations.

    model: as in [bot] model. Returns what was learnt from and how it did; "bundle" is None if nothing was published.
    Raises NothingToServe without a bundle, BadLabels if the corpus supports too few replies to learn from, BadRecipe if
    [finetune] response names what there is none of.
    """
    started = time.perf_counter()
    recipe = ResponseRecipe().altered(settings.response, "[finetune] response")
    current = CurrentBundle(home)
    try:
        bundle = current.get()
    except NoBundle as error:
        raise NothingToServe(f"{error}; `nightdesk train --response` adds to the bundle that `ingest` makes") from error
    examples = read_examples(bundle, home, retrieval, current.encoder(), unknown_share=recipe.unknown_share)
    if len(examples) < LEAST_EXAMPLES:
        raise BadLabels(
            f"{len(examples)} exchanges of the corpus have a reply that its passages support; "
            f"the response model needs {LEAST_EXAMPLES} to learn from, so ingest more transcripts or articles"
        )
    work = home / WORK
    text = company_text(home) if recipe.continued_pretraining or recipe.prune_layers else []
    tuned = tune(examples, text, recipe, resolve(model, home), model, home, work, curves=curves, told=told)
    published = publish(tuned, work, home, recipe) if tuned.better and _is_main() else None
    return tuned.report | {"bundle": published, "seconds": round(time.perf_counter() - started, 1)}


def tune(
    examples: list[Example],
    text: list[str],
    recipe: ResponseRecipe,
    base: Path,
    base_name: str,
    home: Path,
    work: Path,
    *,
    curves: Curves | None = None,
    told: Told | None = None,
) -> Tuned:
    """Prune, pretrain and tune as the recipe asks; a killed run goes on from `work`."""
    from finetune.response.adapters import load_base, load_tokenizer, with_adapter
    from finetune.response.loop import learn, steps_of
    from finetune.response.tokens import plain_rows, row_of

    tokenizer = load_tokenizer(base)
    pad = int(tokenizer.pad_token_id if tokenizer.pad_token_id is not None else tokenizer.eos_token_id)
    plain = plain_rows(tokenizer, text, TEXT_TOKENS)
    report: dict[str, Any] = {"method": recipe.method, "mergeable": recipe.method in MERGEABLE}
    if recipe.prune_layers:
        base, base_name, report["pruned"] = _pruned(base, base_name, plain, recipe, pad, home, told)
    learnt, held_out = split(examples, recipe.held_out)
    rows = [row for row in (row_of(tokenizer, example) for example in learnt) if len(row.ids) <= recipe.max_tokens]
    judged = [row for row in (row_of(tokenizer, e) for e in held_out) if len(row.ids) <= recipe.max_tokens]
    if not rows or not judged:
        raise BadLabels(
            f"of {len(examples)} examples {len(rows)} can be learnt and {len(judged)} be judged by within "
            f"{recipe.max_tokens} tokens; [finetune] response max_tokens or held_out leaves too few"
        )
    model = with_adapter(load_base(base, device=_device()), recipe, steps_of(rows, recipe))
    if recipe.continued_pretraining:
        first = replace(
            recipe,
            epochs=recipe.continued_pretraining,
            method="lora" if recipe.method == "adalora" else recipe.method,  # ranks are allotted by the examples
        )
        learn(model, plain, first, pad=pad, checkpoint=work / "pretraining", curves=NoCurves(), told=told)
    run = learn(model, rows, recipe, pad=pad, held_out=judged, checkpoint=work / "examples", curves=curves, told=told)
    report |= {
        "base": base_name,
        "examples": len(rows),
        "unanswerable": sum(not example.answered for example in learnt),
        "held_out": len(judged),
        "steps": run.steps,
        "best_epoch": run.best_epoch,
        "perplexity_before": round(math.exp(run.losses[0]), 3),
        "perplexity": round(math.exp(min(run.losses)), 3),
    }
    return Tuned(model, base, base_name, report)


def publish(tuned: Tuned, work: Path, home: Path, recipe: ResponseRecipe) -> str:
    """Write the adapter into a new bundle and return its id; the checkpoints have done their work then."""
    import shutil

    from finetune.response.saved import adapter_files, save_adapter

    save_adapter(tuned.model, work / "adapter", base=tuned.base, base_name=tuned.base_name)
    bundle = write_bundle(
        home,
        extra_files=adapter_files(work / "adapter"),
        metrics={"response": tuned.report},
        recipe={"response": asdict(recipe)},
    )
    shutil.rmtree(work, ignore_errors=True)
    return bundle


def _pruned(
    base: Path, base_name: str, rows: Any, recipe: ResponseRecipe, pad: int, home: Path, told: Told | None
) -> tuple[Path, str, dict[str, Any]]:
    """The base with layers dropped: made once, kept beside the other weights under a name that says what it is."""
    from finetune.response.prune import prune

    made_of = f"{base_fingerprint(base)} {recipe.prune_layers} {recipe.distil_epochs} {recipe.seed} {rows!r}"
    name = f"{base.name}-less-{recipe.prune_layers}-{hashlib.sha256(made_of.encode()).hexdigest()[:8]}"
    folder = home / "weights" / name
    if (folder / "config.json").is_file():
        return folder, name, {"from": base_name}
    report = prune(base, rows, recipe, folder, pad=pad, told=told)
    return folder, name, {"from": base_name, **report.as_dict()}


def _device() -> str:
    """This process's own GPU among several, or the processor."""
    from accelerate import PartialState  # type: ignore[import-untyped]

    device = PartialState().device
    return str(device) if device.type == "cuda" else "cpu"


def _is_main() -> bool:
    """With several processes, one publishes."""
    from accelerate import PartialState

    return bool(PartialState().is_main_process)
