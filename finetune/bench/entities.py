"""`nightdesk bench entities`: learn from one file, choose on a second, open the third once."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from finetune.entities.body import TaggerBody
from finetune.entities.conll import Sentence, read_conll
from finetune.entities.learn import Learnt, learn_tagger, split
from finetune.entities.parts import Frozen, Reads, Tuned
from finetune.entities.recipe import TaggerRecipe
from finetune.entities.scores import entity_figures, token_figures
from finetune.errors import BadLabels
from finetune.progress import Told

TIMED = 100


def bench_entities(
    base: Path,
    train: Path,
    dev: Path | None,
    test: Path,
    *,
    seeds: int = 1,
    light: bool = False,
    recipe: TaggerRecipe | None = None,
    work: Path | None = None,
    told: Told | None = None,
) -> dict[str, Any]:
    """Return the figures of `nightdesk bench entities --json`, means over `seeds` runs.

    Every tagger is sealed before the test file is opened. light: over the encoder's own states, as a turn reads them;
    else with a body tuned for it. work: a folder that lets a killed run go on.
    """
    if seeds < 1:
        raise BadLabels(f"seeds is {seeds}; it should be at least 1")
    sentences, chosen_on = read_conll(train), read_conll(dev) if dev else []
    recipe = recipe or (TaggerRecipe.light() if light else TaggerRecipe())
    with TemporaryDirectory(prefix="nightdesk-bench-") as scratch:
        sealed = []
        for number in range(seeds):
            mine = replace(recipe, seed=recipe.seed + number)
            learnt_from, judged_on = (sentences, chosen_on) if chosen_on else split(sentences, mine)
            kept = (work or Path(scratch)) / f"seed{number}"
            sealed.append(
                learn_tagger(_reads(base, mine, light), learnt_from, judged_on, mine, checkpoint=kept, told=told)
            )
        asked = read_conll(test)  # here, and nowhere before
        return _summary([_row(learnt, asked) for learnt in sealed])


def _reads(base: Path, recipe: TaggerRecipe, light: bool) -> Reads:
    import torch

    if light:
        from retrieval.encoder import SentenceEncoder

        return Frozen(SentenceEncoder(base, threads=1))
    torch.manual_seed(recipe.seed)
    return Tuned(TaggerBody(base, recipe))


def _row(learnt: Learnt, asked: list[Sentence]) -> dict[str, Any]:
    gold = [sentence.tags for sentence in asked]
    named = learnt.tag([sentence.words for sentence in asked])
    few = asked[:TIMED]
    started = time.perf_counter()
    for sentence in few:
        learnt.tag([sentence.words])
    ms = (time.perf_counter() - started) / len(few) * 1000
    told = {"dev_f1": learnt.dev_f1, "epochs": learnt.epochs, "leaning": learnt.leaning, "train_s": learnt.seconds}
    return entity_figures(gold, named) | token_figures(gold, named) | told | {"ms_per_sentence": ms}


def _summary(rows: list[dict[str, Any]]) -> dict[str, Any]:
    def mean(values: list[float]) -> float:
        return round(float(np.mean(values)), 4)

    kinds = sorted({kind for row in rows for kind in row["by_kind"]})
    by_kind = {kind: mean([row["by_kind"].get(kind, 0.0) for row in rows]) for kind in kinds}
    plain = {name: mean([row[name] for row in rows]) for name in rows[0] if name != "by_kind"}
    f1s = [row["entity_f1"] for row in rows]
    return plain | {"by_kind": by_kind, "entity_f1_std": round(float(np.std(f1s)), 4), "seeds": len(rows)}
