"""Measure whole durable turns through a real service: HTTP POST to reply on the event stream.

The service runs as the operator would run it, the customers in a third process, and the oracle checks after each
number of clients that nothing acknowledged was lost or doubled: a figure that broke a promise is no figure.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from web.client import Visitor
from web.load import Plan, write_plan
from web.plain_http import Away, ClientError, Http, Silence
from web.proof import prove


class BenchError(Exception):
    """The measurement could not be made; the message says what failed."""


@dataclass(frozen=True)
class Bench:
    """A service to start and measure.

    `serve` runs web and bot and stops cleanly on SIGTERM; `scratch` is an empty folder for journals and logs;
    `email` and `password` belong to an agent of that service (empty: the oracle reads as the visitors alone);
    `database` is its SQLite file, if it has one.
    """

    serve: Sequence[str]
    base_url: str
    scratch: Path
    questions: Sequence[str]
    email: str = ""
    password: str = ""
    database: Path | None = None
    start_limit_s: float = 180.0


def bench_turns(
    bench: Bench,
    clients: Sequence[int] = (1, 8, 32),
    *,
    seconds: float = 20.0,
    warm_up_s: float = 3.0,
    seed: int = 0,
    progress: Callable[[str], None] | None = None,
) -> dict[str, dict[str, Any]]:
    """Return `{"clients": {"8": {turns_per_s, p50_ms, p95_ms, p99_ms, errors, lost, doubled, …}}}`.

    `broken` counts the oracle's other findings and `findings` shows the first few of all. Raises BenchError if the
    service does not come up or the load generator fails.
    """
    if not bench.questions:
        raise BenchError("there are no questions to ask; give a file with at least one")
    bench.scratch.mkdir(parents=True, exist_ok=True)
    figures: dict[str, Any] = {}
    try:
        with _service(bench):
            for count in clients:
                if progress is not None:
                    progress(f"{count} clients, {seconds:g} s")
                figures[str(count)] = _measure(bench, count, seconds, warm_up_s, seed)
    except ClientError as error:
        raise BenchError(f"the service could not be measured: {error}") from error
    return {"clients": figures}


def _measure(bench: Bench, count: int, seconds: float, warm_up_s: float, seed: int) -> dict[str, Any]:
    journals = bench.scratch / f"journals-{count}"
    journals.mkdir()
    plan = Plan(bench.base_url, count, warm_up_s, seconds, list(bench.questions), str(journals), seed + count)
    path = bench.scratch / f"plan-{count}.json"
    write_plan(plan, path)
    root = Path(__file__).resolve().parents[1]
    done = subprocess.run(  # noqa: S603 - this very interpreter and module
        [sys.executable, "-m", "web.load", str(path)], cwd=root, capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        raise BenchError(f"the load generator failed with {done.returncode}: {done.stderr.strip()[-500:]}")
    figures: dict[str, Any] = json.loads(done.stdout)
    verdict = prove(
        bench.base_url,
        sorted(journals.glob("*.jsonl")),
        email=bench.email,
        password=bench.password,
        database=bench.database,
    )
    others = (verdict.gaps, verdict.unanswered, verdict.double_ended, verdict.spoke_over, verdict.leaked)
    figures |= {
        "lost": len(verdict.lost),
        "doubled": len(verdict.doubled),
        "broken": sum(len(findings) for findings in others),
    }
    if not verdict.held:
        figures["findings"] = str(verdict).splitlines()[:5]
    return figures


@contextmanager
def _service(bench: Bench) -> Iterator[None]:
    """Run the service for a while; its words go to `service.log` in the scratch folder."""
    log = bench.scratch / "service.log"
    with log.open("wb") as output:
        process = subprocess.Popen(  # noqa: S603 - the caller's own command, no shell
            list(bench.serve), stdin=subprocess.DEVNULL, stdout=output, stderr=output, process_group=0
        )
    try:
        _wait_until_ready(bench, process, log)
        _wait_for_a_turn(bench)
        yield
    finally:
        process.terminate()
        try:
            process.wait(timeout=30)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def _wait_for_a_turn(bench: Bench) -> None:
    """Wait until one whole turn has gone through: web is well before the models behind it are loaded."""
    deadline = time.monotonic() + bench.start_limit_s
    while (left := deadline - time.monotonic()) > 0:
        visitor = Visitor(bench.base_url)
        try:
            visitor.open()
            if visitor.wait_for_ending(visitor.say(bench.questions[0]), left).kind == "reply":
                return
        except Silence:
            break
        finally:
            visitor.close()
    raise BenchError(f"no turn was answered within {bench.start_limit_s:g} s; see {bench.scratch / 'service.log'}")


def _wait_until_ready(bench: Bench, process: subprocess.Popen[bytes], log: Path) -> None:
    http, deadline = Http(bench.base_url, timeout_s=2.0), time.monotonic() + bench.start_limit_s
    while time.monotonic() < deadline:
        if process.poll() is not None:
            said = log.read_text(errors="replace").strip().splitlines()
            raise BenchError(f"the service ended with {process.returncode}: {said[-1] if said else 'no word'}")
        try:
            if http.call("GET", "/health").status == 200:
                http.close()
                return
        except Away:
            pass
        time.sleep(0.1)
    raise BenchError(f"the service was not ready within {bench.start_limit_s:g} s; {log} says why")
