"""Web and bot as the operator runs them, in reach of `kill -9`."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from web.supervisor import Command

ROOT = Path(__file__).resolve().parents[2]
ORDERS = "orders.json"  # in a home folder: what its back office starts with
AGENTS = {"ada@example.com": "a-password-of-ada", "ben@example.com": "a-password-of-ben"}
# A short fuse: the tests kill a process every few seconds, and the product's pauses grow to 30 s.
POLICY = "backoff_first_s=0.1, backoff_most_s=0.5, backoff_reset_s=2.0, first_deaths=20"


def eventually(true: Callable[[], object], within_s: float, what: str) -> None:
    """Wait until `true()`; fail saying `what` did not happen."""
    deadline = time.monotonic() + within_s
    while not true():
        assert time.monotonic() < deadline, f"{what}: not within {within_s:g} s"
        time.sleep(0.01)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@dataclass(frozen=True)
class Place:
    """A home folder of its own, two ports, and the folder of points."""

    home: Path
    web_port: int
    bot_port: int
    points: Path
    settings: Mapping[str, object]

    @classmethod
    def make(cls, home: Path, **settings: object) -> Place:
        """Settings are `room__key=value`, as `[room] key`."""
        points = home / "points"
        points.mkdir(parents=True)
        return cls(home, free_port(), free_port(), points, settings)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.web_port}"

    @property
    def database(self) -> Path:
        return self.home / "nightdesk.db"

    def secret(self, name: str) -> str:
        return str(json.loads((self.home / "secrets.json").read_text())[name])

    def agent(self) -> dict[str, str]:
        """How the first agent logs in."""
        email, password = next(iter(AGENTS.items()))
        return {"email": email, "password": password}

    def nightdesk(self, *words: str) -> list[str]:
        """The command line of `nightdesk WORDS` in this place."""
        settings = {
            "web.port": self.web_port,
            "web.bot_url": f"http://127.0.0.1:{self.bot_port}",
            "web.points_dir": str(self.points),
            "web.messages_per_minute": 100_000,
            "web.messages_burst": 100_000,
            "web.logins_burst": 1000,
            "bot.port": self.bot_port,
            "bot.points_dir": str(self.points),
            "bot.model": "off",
            **{name.replace("__", "."): value for name, value in self.settings.items()},
        }
        sets = [word for name, value in settings.items() for word in ("--set", f"{name}={json.dumps(value)}")]
        return [sys.executable, str(ROOT / "nightdesk.py"), "--home", str(self.home), *sets, *words]

    def commands(self) -> list[Command]:
        return [
            Command("bot", self.nightdesk("bot"), f"http://127.0.0.1:{self.bot_port}/health"),
            Command("web", self.nightdesk("web"), f"{self.url}/health"),
        ]

    def light_commands(self) -> list[Command]:
        """The same with a bot that starts in a second, because its bundle hashes words."""
        bot, web = self.commands()
        light = Path(__file__).with_name("light_bot.py")
        argv = [sys.executable, str(light), str(self.home), str(self.bot_port), str(self.points)]
        return [Command("bot", [*argv, str(self.home / ORDERS)], bot.ready_url), web]

    def run(self, *words: str) -> None:
        """Run a command to its end."""
        done = subprocess.run(self.nightdesk(*words), cwd=ROOT, capture_output=True, text=True, timeout=600)
        assert done.returncode == 0, f"nightdesk {' '.join(words)} failed:\n{done.stderr[-2000:]}"

    def add_agents(self) -> None:
        for email, password in AGENTS.items():
            self.run("desk", "add-agent", email, "--name", email.split("@")[0].title(), "--password", password)


class Loose:
    """Processes without a supervisor, started and killed one by one."""

    def __init__(self, commands: Sequence[Command], log: Path) -> None:
        self._commands = {command.name: command for command in commands}
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        self._log = log

    def start(self, name: str) -> None:
        with self._log.open("ab") as output:
            self._processes[name] = subprocess.Popen(
                list(self._commands[name].argv), cwd=ROOT, stdout=output, stderr=output, process_group=0
            )

    def wait_ready(self, within_s: float = 60.0) -> None:
        eventually(lambda: all(map(self._well, self._processes)), within_s, "web and bot are ready")

    def _well(self, name: str) -> bool:
        returncode = self._processes[name].poll()
        assert returncode is None, f"{name} ended with {returncode}; {self._log} says why"
        return healthy(self._commands[name].ready_url)

    def kill(self, name: str) -> None:
        """SIGKILL the process and its workers, and wait until it is gone."""
        process = self._processes.pop(name)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()

    def end(self) -> None:
        for name in list(self._processes):
            self.kill(name)


class Supervised:
    """The processes under the product's own supervisor, which runs in a process of its own."""

    def __init__(self, commands: Sequence[Command], log: Path) -> None:
        self._commands = {command.name: command for command in commands}
        self._log = log
        listed = [(command.name, list(command.argv), command.ready_url) for command in commands]
        script = (
            "import sys; from web.supervisor import Command, Policy, supervise;"
            f"sys.exit(supervise([Command(*each) for each in {listed!r}], Policy({POLICY})))"
        )
        with log.open("wb") as output:
            self._process = subprocess.Popen(
                [sys.executable, "-c", script], cwd=ROOT, stdout=output, stderr=output, process_group=0
            )

    def _said(self, pattern: str) -> list[str]:
        return re.findall(pattern, self._log.read_text(errors="replace"))

    def pid(self, name: str) -> int:
        """The process that leads now; waits while there is none."""
        eventually(lambda: self._started(name) > self._ended(name), 30.0, f"{name} is started again")
        return int(self._said(rf"nightdesk: {name} started, pid (\d+)")[-1])

    def _started(self, name: str) -> int:
        return len(self._said(rf"nightdesk: {name} started"))

    def _ended(self, name: str) -> int:
        return len(self._said(rf"nightdesk: {name} \(pid \d+\) "))

    def wait_ready(self, name: str, within_s: float = 90.0) -> None:
        eventually(lambda: self._well(name), within_s, f"{name} is ready")

    def _well(self, name: str) -> bool:
        assert self._process.poll() is None, f"the supervisor ended; {self._log} says why"
        return healthy(self._commands[name].ready_url)

    def kill(self, name: str, *, worker: bool = False) -> None:
        """SIGKILL the whole of `name` at once, or one worker of it, and wait until it is gone."""
        leader = self.pid(name)
        workers = children(leader) if worker else []
        if workers:
            os.kill(workers[0], signal.SIGKILL)
            eventually(lambda: workers[0] not in children(leader), 10.0, f"a worker of {name} is gone")
            return
        ended = self._ended(name)
        os.killpg(leader, signal.SIGKILL)
        eventually(lambda: self._ended(name) > ended, 10.0, f"{name} is gone")

    def stop(self) -> int:
        """Stop cleanly; return the exit code."""
        self._process.terminate()
        return self._process.wait(timeout=60)

    def end(self) -> None:
        if self._process.poll() is None:
            self._process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(timeout=30)
        self._process.kill()


def children(pid: int) -> list[int]:
    listed = subprocess.run(["ps", "-A", "-o", "pid=,ppid="], capture_output=True, text=True, check=True).stdout
    pairs = (line.split() for line in listed.splitlines())
    return [int(child) for child, parent in pairs if int(parent) == pid]


def healthy(url: str) -> bool:
    host, path = url.removeprefix("http://").split("/", 1)
    connection = http.client.HTTPConnection(host, timeout=1.0)
    try:
        connection.request("GET", f"/{path}")
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


@contextlib.contextmanager
def running(service: Loose | Supervised) -> Iterator[None]:
    """End the service's processes, whatever happens."""
    try:
        yield
    finally:
        service.end()
