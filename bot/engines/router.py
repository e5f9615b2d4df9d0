"""Which engine serves on this machine: measured once for each machine and weights, kept in a file, never guessed twice.

Until something is measured a default serves. Measuring runs in processes of its own, one an engine, so that whatever an
engine breaks or takes is gone afterwards.
"""

from __future__ import annotations

import functools
import json
import os
import platform
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from importlib import metadata
from pathlib import Path
from typing import Any

from bot.engines.engine import CPU_DEFAULT, NAMES, REFERENCE, are_here
from bot.engines.weights import Weights
from bot.errors import ModelError

ROOT = Path(__file__).resolve().parents[2]
LIBRARIES = ("torch", "transformers", "bitsandbytes", "torchao", "ctranslate2")
LONGEST_S = 240.0
"""An engine that has not been measured by then is left out."""
TYPICAL_TOKENS = 40
Rows = Mapping[str, Mapping[str, float]]
Told = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Choice:
    """The engine that serves, and why in a sentence."""

    engine: str
    why: str
    measured: bool = True


@dataclass(frozen=True, slots=True)
class Measured:
    """One measurement of all engines: their rows, and in `left_out` why an engine has none."""

    rows: Rows
    left_out: Mapping[str, str]
    bandwidth: float


def pick(weights: Weights, threads: int, least_agreement: float) -> Choice:
    """Return what serves: by what was measured on this machine, else the default."""
    found = kept(weights, threads)
    return default(weights) if found is None else choose_among(found, least_agreement)


def choose_among(measured: Measured, least_agreement: float) -> Choice:
    """Return what serves this machine by its measurement."""
    return choose(measured.rows, least_agreement, on_gpu=_cuda())


def default(weights: Weights) -> Choice:
    """What serves a machine that is not measured yet: what can be loaded at once, as converting takes the machine."""
    from bot.engines.by_ctranslate2 import is_ready

    here = are_here()
    if _cuda():
        name = "bitsandbytes" if "bitsandbytes" in here else "bfloat16"
    else:
        name = CPU_DEFAULT if CPU_DEFAULT in here and is_ready(weights) else REFERENCE
    return Choice(name, "this machine has not been measured; `nightdesk bench model` does it now", measured=False)


def choose(rows: Rows, least_agreement: float, *, on_gpu: bool = False) -> Choice:
    """Return the engine with the shortest typical reply among those that agree often enough with float32.

    On a GPU LLM.int8 serves if it agrees: there 8 bits are for the memory, not for the time.
    """
    equal = {name: row for name, row in rows.items() if row["agreement"] >= least_agreement or name == REFERENCE}
    if on_gpu and "bitsandbytes" in equal:
        return Choice("bitsandbytes", f"on a GPU it serves as it agrees in {_share(equal['bitsandbytes'])}")
    name = min(equal, key=lambda each: reply_s(equal[each]))
    why = f"{rows[name]['tokens_per_s']:.1f} tokens/s"
    if name != REFERENCE:
        why += f", {reply_s(rows[REFERENCE]) / reply_s(rows[name]):.1f} × {REFERENCE}, the same next token in "
        why += _share(rows[name])
    failing = [each for each in rows if each not in equal and reply_s(rows[each]) < reply_s(rows[name])]
    if failing:
        why += f"; faster but below {least_agreement:.0%}: {', '.join(failing)}"
    return Choice(name, why)


def reply_s(row: Mapping[str, float]) -> float:
    """Seconds of a typical reply: reading the prompt, then 40 tokens."""
    return row["first_token_ms"] / 1000 + TYPICAL_TOKENS / row["tokens_per_s"]


def measure_all(
    weights: Weights,
    threads: int,
    *,
    names: Sequence[str] = NAMES,
    patient: bool = False,
    told: Told = lambda _: None,
    ended: threading.Event | None = None,
    longest_s: float = LONGEST_S,
) -> Measured:
    """Measure the engines that are installed, float32 first, and keep the result for `pick`.

    patient: take only time that nothing else wants. Raises ModelError if float32 itself cannot be measured, or once
    `ended` is set.
    """
    here = are_here()
    rows: dict[str, dict[str, float]] = {}
    left_out = {name: "its library is not installed" for name in names if name not in here}
    with tempfile.TemporaryDirectory(prefix="nightdesk-engines-") as scratch:
        for name in dict.fromkeys([REFERENCE, *(name for name in names if name in here)]):
            told(f"measuring {name}")
            try:
                rows[name] = _in_a_process(name, weights, threads, Path(scratch), patient, longest_s, ended)
            except ModelError as error:
                left_out[name] = str(error)
            if ended is not None and ended.is_set():
                raise ModelError("it was ended before every engine was measured")
            if REFERENCE not in rows:
                raise ModelError(f"no engine can be measured: {left_out[REFERENCE]}")
    bandwidth = max(row.pop("bandwidth") for row in rows.values())
    for row in rows.values():
        row["roofline_share"] = round(row["tokens_per_s"] * row["bytes"] / bandwidth, 3)
    measured = Measured(rows, left_out, bandwidth)
    _keep(weights, threads, measured)
    return measured


def kept(weights: Weights, threads: int) -> Measured | None:
    """Return what was measured on this machine with these weights and libraries; None if nothing was."""
    try:
        found = json.loads(_file(weights).read_text("utf-8"))
        if found["machine"] != machine(threads) or REFERENCE not in found["rows"]:
            return None
        return Measured(found["rows"], found["left_out"], found["bandwidth"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


@functools.cache
def machine(threads: int) -> str:
    """12 hex digits that change with the processor, the GPU, the libraries and the threads of decoding."""
    about: dict[str, Any] = {"threads": threads, "machine": platform.machine(), "gpu": _cuda()}
    try:
        lines = Path("/proc/cpuinfo").read_text("utf-8").splitlines()
        about["cpu"] = [next((line for line in lines if line.startswith(key)), "") for key in ("model name", "flags")]
    except OSError:
        about["cpu"] = platform.processor()
    for library in LIBRARIES:
        try:
            about[library] = metadata.version(library)
        except metadata.PackageNotFoundError:
            about[library] = None
    return sha256(json.dumps(about, sort_keys=True).encode()).hexdigest()[:12]


def _in_a_process(
    name: str,
    weights: Weights,
    threads: int,
    scratch: Path,
    patient: bool,
    longest_s: float,
    ended: threading.Event | None,
) -> dict[str, float]:
    answer = scratch / "answer.json"
    answer.unlink(missing_ok=True)
    request = {
        "engine": name, "folder": str(weights.folder), "adapter": str(weights.adapter or ""), "threads": threads,
        "patient": patient, "parent": os.getpid(),
    }  # fmt: skip
    (scratch / "request.json").write_text(json.dumps(request), "utf-8")
    script = f"import sys; sys.path.insert(0, {str(ROOT)!r}); from bot.engines.measure import main; main(sys.argv[1])"
    with (scratch / "log").open("wb") as log:
        process = subprocess.Popen(  # noqa: S603 - our own interpreter and our own words
            [sys.executable, "-c", script, str(scratch)], stdin=subprocess.DEVNULL, stdout=log, stderr=log
        )
        try:
            ends = time.monotonic() + longest_s
            while process.poll() is None and time.monotonic() < ends and not (ended and ended.is_set()):
                time.sleep(0.1)
            if process.poll() is None:
                raise ModelError(f"it was not measured within {longest_s:g} s")
        finally:
            process.kill()
            process.wait()
    try:
        row: dict[str, float] = json.loads(answer.read_text("utf-8"))
    except (OSError, ValueError):
        said = (scratch / "log").read_text("utf-8", "replace").strip().splitlines()
        raise ModelError(said[-1][:300] if said else f"its process ended with {process.returncode}") from None
    return row


def _keep(weights: Weights, threads: int, measured: Measured) -> None:
    """Write the measurement down, whole or not at all; where nothing can be written it is measured again next time."""
    about = {
        "machine": machine(threads), "at": round(time.time()), "rows": measured.rows, "left_out": measured.left_out,
        "bandwidth": measured.bandwidth,
    }  # fmt: skip
    file = _file(weights)
    try:
        draft = file.with_name(f".{file.name}-{os.getpid()}")
        weights.made_shelf()
        draft.write_text(json.dumps(about, indent=1), "utf-8")
        os.replace(draft, file)
    except OSError:
        return


def _file(weights: Weights) -> Path:
    return weights.shelf / f"measured-{weights.fingerprint}.json"


def _share(row: Mapping[str, float]) -> str:
    return f"{row['agreement']:.1%} of places"


@functools.cache
def _cuda() -> bool:
    if not any(Path(device).exists() for device in ("/dev/nvidiactl", "/dev/dxg")):
        return False  # without the seconds that importing torch takes
    import torch

    return bool(torch.cuda.is_available())
