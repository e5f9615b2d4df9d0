"""Keeps processes running: starts them, waits until they are healthy, restarts what dies, stops them cleanly.

Argument vectors in, an exit code out; one line on stderr for each thing that happens. It knows nothing of what the
processes do but the address at which each says that it is well.
"""

from __future__ import annotations

import contextlib
import http.client
import os
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from web.leash import Leash, leash

_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


@dataclass(frozen=True, slots=True)
class Command:
    """A process to keep running, which is well once `ready_url` answers 200.

    Without an address it is a task: run once, when all that is kept running is well, and alone in its end.
    """

    name: str
    argv: Sequence[str]
    ready_url: str | None


@dataclass(frozen=True, slots=True)
class Policy:
    """How patient the supervisor is. The defaults are the product's; tests shorten them."""

    backoff_first_s: float = 0.2
    backoff_most_s: float = 30.0
    backoff_reset_s: float = 30.0  # this long healthy, and the next death starts at the first backoff again
    stop_limit_s: float = 10.0  # for each process, from SIGTERM to SIGKILL
    tick_s: float = 0.1  # how often a process that is starting is asked whether it is well
    first_deaths: int = 5  # a process that dies this often before it was ever well will not get well


@dataclass
class _Watched:
    """A command and how it is doing; monotonic seconds."""

    command: Command
    process: subprocess.Popen[bytes] | None = None
    started_s: float = 0.0
    ready_s: float | None = None
    ever_ready: bool = False
    deaths: int = 0  # in a row
    next_start_s: float = 0.0
    over: bool = False  # a task that has ended


def supervise(commands: Sequence[Command], policy: Policy | None = None, *, tie: Leash | None = None) -> int:
    """Run the commands until SIGTERM, SIGINT or SIGHUP; return the exit code.

    0: stopped as asked. 1: an address was taken, a command could not be started or kept dying before it was ever
    well, or something had to be killed because it would not stop. Commands are started in order, all at once, and
    stopped in the opposite order, one after the other, so that what uses is gone before what it uses. A second
    signal kills at once. Must run in the main thread. Each command leads a process group; when it dies, the rest
    of its group is killed, since an orphan would keep the port.
    """
    return _Supervisor(commands, policy or Policy(), tie or leash()).run()


class _Supervisor:
    def __init__(self, commands: Sequence[Command], policy: Policy, tie: Leash) -> None:
        self._policy, self._leash = policy, tie
        in_order = sorted(commands, key=lambda command: command.ready_url is None)  # tasks last, else as they came
        self._watched = [_Watched(command) for command in in_order]
        self._asked: list[int] = []  # the signals that arrived

    def run(self) -> int:
        for watched in self._watched:
            if (taken := _taken(watched.command)) is not None:
                _say(taken)
                self._leash.close()
                return 1
        with self._listening() as wake:
            failed = False
            try:
                while not self._asked and not failed:
                    failed = not all(self._look_after(watched) for watched in self._watched)
                    if not failed and not self._asked:
                        _wait(wake, self._pause_s())
            finally:
                clean = self._stop()
                self._leash.close()
        return 0 if clean and not failed else 1

    def _look_after(self, watched: _Watched) -> bool:
        """Start, check or bury one command; False if it is hopeless."""
        if watched.command.ready_url is None:
            self._see_to_task(watched)
            return True
        now_s = time.monotonic()
        if watched.process is None:
            return now_s < watched.next_start_s or self._start(watched)
        if watched.process.poll() is not None:
            return self._bury(watched, now_s)
        if watched.ready_s is None and _healthy(watched.command.ready_url):
            watched.ready_s, watched.ever_ready = time.monotonic(), True
            _say(f"{watched.command.name} is ready after {watched.ready_s - watched.started_s:.1f} s")
        return True

    def _see_to_task(self, watched: _Watched) -> None:
        if watched.over:
            return
        if watched.process is None:
            if all(other.ready_s is not None for other in self._watched if other.command.ready_url is not None):
                watched.over = not self._start(watched)
        elif (code := watched.process.poll()) is not None:
            watched.over = True
            self._let_go(watched)
            _say(f"{watched.command.name} is done" if code == 0 else f"{watched.command.name} {_how(code)}")

    def _start(self, watched: _Watched) -> bool:
        try:
            watched.process = subprocess.Popen(  # noqa: S603 - the caller's own commands, no shell
                list(watched.command.argv),
                stdin=subprocess.DEVNULL,
                process_group=0,
                preexec_fn=self._leash.preexec(),  # safe: this process has one thread
            )
        except OSError as error:
            _say(f"{watched.command.name} cannot be started: {watched.command.argv[0]}: {error.strerror}")
            return False
        self._leash.hold(watched.process.pid)
        watched.started_s, watched.ready_s = time.monotonic(), None
        _say(f"{watched.command.name} started, pid {watched.process.pid}")
        return True

    def _bury(self, watched: _Watched, now_s: float) -> bool:
        """Clear up after a command that died, and say when it starts again; False if it never will."""
        policy, process, name = self._policy, watched.process, watched.command.name
        assert process is not None
        if watched.ready_s is not None and now_s - watched.ready_s >= policy.backoff_reset_s:
            watched.deaths = 0
        self._let_go(watched)
        watched.deaths += 1
        how = _how(process.returncode)
        if not watched.ever_ready and watched.deaths >= policy.first_deaths:
            _say(f"{name} {how} {watched.deaths} times without ever being ready; giving up")
            return False
        pause_s = min(policy.backoff_first_s * 2 ** (watched.deaths - 1), policy.backoff_most_s)
        watched.next_start_s = now_s + pause_s
        _say(f"{name} (pid {process.pid}) {how}; starting it again in {pause_s:g} s")
        return True

    def _let_go(self, watched: _Watched) -> None:
        """Kill what is left of a group whose leader has ended."""
        assert watched.process is not None
        _kill_group(watched.process.pid, signal.SIGKILL)
        self._leash.release(watched.process.pid)
        watched.process = None

    def _pause_s(self) -> float:
        """How long nothing can need doing, unless a signal comes: a child's death is one."""
        now_s, pauses = time.monotonic(), [60.0]
        for watched in self._watched:
            if watched.command.ready_url is None:
                continue  # a task starts in the round in which the last of the others is found well
            if watched.process is None:
                pauses.append(watched.next_start_s - now_s)
            elif watched.ready_s is None:
                pauses.append(self._policy.tick_s)
        return max(0.0, min(pauses))

    def _stop(self) -> bool:
        """Stop every command, the last first; return whether all went when asked."""
        clean = True
        for watched in reversed(self._watched):
            if watched.process is not None:
                clean = self._stop_one(watched, watched.process) and clean
        return clean

    def _stop_one(self, watched: _Watched, process: subprocess.Popen[bytes]) -> bool:
        name = watched.command.name
        with contextlib.suppress(ProcessLookupError):
            process.terminate()  # the leader alone: it knows how its own workers should go
        deadline_s = time.monotonic() + self._policy.stop_limit_s
        while process.poll() is None and time.monotonic() < deadline_s and len(self._asked) < 2:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(timeout=0.05)
        stopped = process.poll() is not None
        self._let_go(watched)
        process.wait()
        _say(f"{name} stopped" if stopped else f"{name} did not stop in time: killed")
        return stopped

    @contextlib.contextmanager
    def _listening(self) -> Iterator[socket.socket]:
        """Gather the signals that ask us to stop; yield a socket that becomes readable at every signal."""
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        theirs.setblocking(False)
        old_fd = signal.set_wakeup_fd(theirs.fileno(), warn_on_full_buffer=False)
        handle: Callable[[int, object], None] = lambda number, _: self._asked.append(number)  # noqa: E731
        old = {number: signal.signal(number, handle) for number in _SIGNALS}
        old[signal.SIGCHLD] = signal.signal(signal.SIGCHLD, lambda *_: None)
        try:
            yield ours
        finally:
            for number, handler in old.items():
                signal.signal(number, handler)
            signal.set_wakeup_fd(old_fd)
            ours.close()
            theirs.close()


def _wait(wake: socket.socket, timeout_s: float) -> None:
    if select.select([wake], [], [], timeout_s)[0]:
        with contextlib.suppress(BlockingIOError):
            while wake.recv(4096):
                pass


def _healthy(url: str) -> bool:
    """Ask once; a process that needs longer than a second to say so is not well."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port or 80, timeout=1.0)
    try:
        connection.request("GET", parts.path or "/")
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def _taken(command: Command) -> str | None:
    """Return the sentence to say if somebody else already listens where the command will."""
    if command.ready_url is None:
        return None
    parts = urlsplit(command.ready_url)
    host, port = parts.hostname or "", parts.port or 80
    with contextlib.suppress(OSError), socket.create_connection((host, port), timeout=1.0):
        return (
            f"{command.name} cannot start: port {port} on {host} is already in use; "
            "stop what listens there or set another port"
        )
    return None


def _kill_group(group: int, number: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(group, number)


def _how(returncode: int) -> str:
    if returncode >= 0:
        return f"exited with {returncode}"
    return f"was killed by {signal.Signals(-returncode).name}"


def _say(line: str) -> None:
    with contextlib.suppress(OSError):  # whoever read our stderr may be gone; that must not stop the stopping
        sys.stderr.write(f"nightdesk: {line}\n")
        sys.stderr.flush()
