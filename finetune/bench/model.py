"""`nightdesk bench model`: every engine for the response model on this machine, and which of them serves."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from bot.engines import NAMES
from bot.engines.router import choose_among, measure_all
from bot.engines.weights import Weights


def bench_model(
    weights: Weights,
    *,
    threads: int,
    least_agreement: float,
    names: Sequence[str] = NAMES,
    told: Callable[[str], None] = lambda _: None,
) -> dict[str, Any]:
    """Return the report of `nightdesk bench model --json`; what is chosen here serves from the next text on.

    A row: load_s; bytes of weights in memory; first_token_ms, of a draft's prompt, and first_token_kept_ms, where what
    all drafts begin with has been read before; tokens_per_s after it; agreement, the share of held-out next tokens that
    are float32's, in `compared` places of replies; perplexity of those; roofline_share, of the tokens/s at which the
    weights could be read at all (Williams et al. 2009), by the memory bandwidth measured in the same run.
    """
    measured = measure_all(weights, threads, names=names, told=told)
    choice = choose_among(measured, least_agreement)
    return {
        "chosen": choice.engine,
        "why": choice.why,
        "threads": threads,
        "bandwidth_gb_s": round(measured.bandwidth / 1e9, 2),
        "backends": dict(measured.rows),
        "left_out": dict(measured.left_out),
    }
