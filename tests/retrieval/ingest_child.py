"""Runs one ingest and is killed at a chosen step; the parent forks it from a process that has everything imported.

python ingest_child.py HOME ENCODER PATH… reads lines "N" (killed at the Nth step; 0: not at all) and "home FOLDER"
(from now on), and answers each N with the child's exit code.
"""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

import faiss
from retrieval_fakes import KEY, HashingEncoder

from retrieval import bundle, cards, corpus, ingest, vectors  # imported once, before forking
from retrieval.progress import Step
from retrieval.settings import Settings

__all__ = ["bundle", "cards", "corpus", "faiss", "vectors"]


def run(home: Path, encoder_folder: Path, paths: list[Path], kill_at: int) -> None:
    """Ingest, and die by SIGKILL at the step given; steps come inside transactions too."""
    steps = 0

    def step(_: Step) -> None:
        nonlocal steps
        steps += 1
        if steps == kill_at:
            os.kill(os.getpid(), signal.SIGKILL)

    encoder = HashingEncoder(encoder_folder)
    real = encoder.encode

    def slow_to_tell(texts, **options):  # type: ignore[no-untyped-def]
        step(Step("inside the encoder", 0, 0))
        return real(texts, **options)

    encoder.encode = slow_to_tell  # type: ignore[method-assign]
    ingest.ingest(paths, Settings(), home, KEY, encoder=encoder, progress=step)


def main() -> None:
    home, encoder_folder, *paths = (Path(argument) for argument in sys.argv[1:])
    import retrieval.documents
    import retrieval.passages

    retrieval.documents.BATCH = 20  # small batches: more places to die
    vectors.GROUP = 32
    for line in sys.stdin:
        if line.startswith("home "):
            home = Path(line[5:].strip())
            continue
        child = os.fork()
        if child == 0:
            run(home, encoder_folder, paths, int(line))
            os._exit(0)
        _, status = os.waitpid(child, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)


if __name__ == "__main__":
    main()
