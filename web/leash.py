"""Children that die with their supervisor, even when it is killed with -9 and cannot say goodbye.

Linux tells a process by signal that its parent has died. Elsewhere a watchdog holds the reading end of a pipe whose
writing end only the supervisor has: when the supervisor is gone the pipe ends, and the watchdog kills what is left.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from typing import Protocol

_PR_SET_PDEATHSIG = 1


class Leash(Protocol):
    """Ties process groups to the life of this process."""

    def preexec(self) -> Callable[[], None] | None:
        """Return what a child runs between fork and exec, if anything."""

    def hold(self, group: int) -> None:
        """Start to watch over a group that has just been started."""

    def release(self, group: int) -> None:
        """Stop watching over a group that has ended: its number may come back as somebody else's."""

    def close(self) -> None:
        """Stop watching; kills nothing."""


class DeathSignal:
    """Linux's PR_SET_PDEATHSIG: each child gets SIGKILL when the thread that forked it ends."""

    def __init__(self) -> None:
        # Looked up here, because a child between fork and exec should allocate and import as little as it can.
        self._prctl = ctypes.CDLL(None, use_errno=True).prctl
        self._parent = os.getpid()

    def preexec(self) -> Callable[[], None]:
        prctl, parent = self._prctl, self._parent

        def tie() -> None:
            prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
            if os.getppid() != parent:  # the parent died before the line above: no signal will come
                os._exit(1)

        return tie

    def hold(self, group: int) -> None:
        """The child tied itself."""

    def release(self, group: int) -> None:
        """The kernel knows."""

    def close(self) -> None:
        """There is nothing to close."""


class Watchdog:
    """A process that kills the groups it was told of once the pipe from this process ends."""

    def __init__(self) -> None:
        argv = [sys.executable, "-c", _WATCH]
        self._process = subprocess.Popen(  # noqa: S603 - this very interpreter
            argv, stdin=subprocess.PIPE, start_new_session=True, text=True, bufsize=1
        )

    def preexec(self) -> None:
        return None

    def hold(self, group: int) -> None:
        self._tell(f"+{group}\n")

    def release(self, group: int) -> None:
        self._tell(f"-{group}\n")

    def _tell(self, line: str) -> None:
        assert self._process.stdin is not None
        with contextlib.suppress(OSError):  # a watchdog that was killed is missed only if we are killed as well
            self._process.stdin.write(line)

    def close(self) -> None:
        self._tell("bye\n")
        with contextlib.suppress(OSError):
            assert self._process.stdin is not None
            self._process.stdin.close()
        self._process.wait(timeout=5)


# Runs without this package, so that it needs neither its path nor its memory.
_WATCH = """
import os, signal, sys
groups = set()
for line in sys.stdin:
    line = line.strip()
    if line == "bye":
        sys.exit()
    (groups.add if line[0] == "+" else groups.discard)(int(line[1:]))
for group in groups:
    try:
        os.killpg(group, signal.SIGKILL)
    except OSError:
        pass
"""


def leash() -> Leash:
    """Return this platform's leash."""
    return DeathSignal() if sys.platform.startswith("linux") else Watchdog()
