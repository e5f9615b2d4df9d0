"""Measure one engine in a process of its own: how fast, how large, and how often it says what float32 says.

Nothing that a library prints or breaks reaches who asked: request and answer are JSON files, and a process that dies
has no answer.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
import threading
import time
from collections.abc import Generator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bot.engines.engine import Engine, open_engine
from bot.engines.held_out import held_out, open_tokenizer, speed_prompt
from bot.engines.weights import Weights

REPLY_TOKENS = 32
DECODING_S = 8.0
"""Longest decoding of one round; an engine that is slower than 4 tokens a second is cut off, and measured on those."""
SCORING_S = 40.0
"""An engine that is slower at reading is compared on fewer replies."""
ROUNDS = 3
ROUNDS_S = 12.0
BANDWIDTH_BYTES = 1 << 28
Tokens = NDArray[np.int64]


def main(folder: str) -> None:
    """Answer `request.json` in the folder with `answer.json`."""
    place = Path(folder)
    request = json.loads((place / "request.json").read_text("utf-8"))
    _end_with(request["parent"])
    if request["patient"]:
        with contextlib.suppress(OSError, AttributeError):
            os.nice(19)
    weights = Weights(Path(request["folder"]), Path(request["adapter"]) if request["adapter"] else None)
    reference = place / "reference.npy"
    answer = measure(request["engine"], weights, int(request["threads"]), reference)
    draft = place / "answer.json.new"
    draft.write_text(json.dumps(answer), "utf-8")
    os.replace(draft, place / "answer.json")


def measure(name: str, weights: Weights, threads: int, reference: Path) -> dict[str, float]:
    """Return the row of `nightdesk bench model` for one engine, and `bandwidth` in bytes/s as it was meanwhile.

    reference: what float32 holds for the next tokens; the first engine measured writes it, the others compare with it.
    """
    tokenizer = open_tokenizer(weights.folder)
    started = time.perf_counter()
    engine = open_engine(name, weights, threads)
    load_s = time.perf_counter() - started
    first = not reference.exists()
    nexts, perplexity = score(engine, held_out(tokenizer), float("inf") if first else SCORING_S)
    if first:
        np.save(reference, nexts)
    agreement = float((np.load(reference)[: len(nexts)] == nexts).mean())
    prompt, head = speed_prompt(tokenizer)
    next(
        engine.decode(prompt, head=0, max_tokens=1, stops=())
    )  # the first call of a library costs what no later one does
    first_s, tokens_per_s = speed(engine, prompt, 0)
    kept_s, _ = speed(engine, prompt, head)
    bandwidth = read_bandwidth(threads)
    return {
        "load_s": round(load_s, 2),
        "bytes": engine.weight_bytes,
        "first_token_ms": round(first_s * 1000, 1),
        "first_token_kept_ms": round(kept_s * 1000, 1),
        "tokens_per_s": round(tokens_per_s, 2),
        "agreement": round(agreement, 4),
        "compared": len(nexts),
        "perplexity": round(perplexity, 3),
        "roofline_share": round(tokens_per_s * engine.weight_bytes / bandwidth, 3),
        "bandwidth": round(bandwidth),
    }


def score(
    engine: Engine, texts: Sequence[tuple[list[int], int]], longest_s: float = float("inf")
) -> tuple[Tokens, float]:
    """Return the likeliest next token at every place of the replies, and the perplexity of what is there.

    texts: token ids, and where the reply begins; no further one is begun once the time is up.
    """
    likeliest: list[Tokens] = []
    losses = []
    ends = time.perf_counter() + longest_s
    for ids, begins in texts:
        if likeliest and time.perf_counter() >= ends:
            break
        logits = engine.logits(ids)[begins - 1 : -1].astype(np.float64)
        top = logits.max(axis=1)
        norm = top + np.log(np.exp(logits - top[:, None]).sum(axis=1))
        losses.append(norm - logits[np.arange(len(logits)), np.asarray(ids[begins:])])
        likeliest.append(logits.argmax(axis=1))
    return np.concatenate(likeliest), float(np.exp(np.concatenate(losses).mean()))


def speed(engine: Engine, prompt: Sequence[int], head: int) -> tuple[float, float]:
    """Return seconds to the first token and tokens/s after it, each the best of a few rounds.

    The best, since whatever else runs can only slow a round down.
    """
    firsts, rates = [], []
    ends = time.perf_counter() + ROUNDS_S
    for number in range(ROUNDS):
        if number and time.perf_counter() >= ends:
            break
        first, rate = _round(engine.decode(prompt, head=head, max_tokens=REPLY_TOKENS, stops=()))
        firsts.append(first)
        rates.append(rate)
    return min(firsts if head == 0 or len(firsts) == 1 else firsts[1:]), max(rates)


def _round(tokens: Generator[int]) -> tuple[float, float]:
    started = time.perf_counter()
    next(tokens)
    begun = time.perf_counter()
    count = 0
    for _ in tokens:
        count += 1
        if time.perf_counter() - begun > DECODING_S:
            break
    seconds = time.perf_counter() - begun
    return begun - started, count / seconds


def read_bandwidth(threads: int) -> float:
    """Bytes/s at which memory is read, from a buffer that no cache holds; the best of five."""
    import torch

    cuda = torch.cuda.is_available()
    torch.set_num_threads(threads)
    numbers = torch.ones(BANDWIDTH_BYTES // 4, dtype=torch.float32, device="cuda" if cuda else "cpu")
    best = float("inf")
    for _ in range(5):
        started = time.perf_counter()
        float(torch.dot(numbers, numbers))  # on the way to the processor, so a GPU has finished too
        best = min(best, time.perf_counter() - started)
    return BANDWIDTH_BYTES / best


def _end_with(parent: int) -> None:
    """Exit once the process that asked is gone: nobody will read the answer."""

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(1.0)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


if __name__ == "__main__":
    main(sys.argv[1])
