"""What the supervisor promises: processes come back, go cleanly, and never outlive it."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import socket
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
CHILD = Path(__file__).with_name("child.py")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z" if Path("/proc").exists() else True


def eventually(true: object, within_s: float = 5.0) -> bool:
    deadline = time.monotonic() + within_s
    while time.monotonic() < deadline:
        if true():  # type: ignore[operator]
            return True
        time.sleep(0.02)
    return False


class Supervised:
    """A supervisor in a process of its own, since it owns its process's signals."""

    def __init__(self, children: dict[str, tuple[int, str, str]], policy: str = "", tie: str = "None") -> None:
        commands = [
            f"Command({name!r}, [sys.executable, {str(CHILD)!r}, {str(port)!r}, {mood!r}, {extra!r}],"
            f" {f'http://127.0.0.1:{port}/' if port else None!r})"
            for name, (port, mood, extra) in children.items()
        ]
        script = textwrap.dedent(f"""
            import sys
            from web.leash import Watchdog
            from web.supervisor import Command, Policy, supervise
            sys.exit(supervise([{", ".join(commands)}], Policy({policy}), tie={tie}))
        """)
        self.process = subprocess.Popen(
            [sys.executable, "-c", script], cwd=ROOT, stderr=subprocess.PIPE, text=True, start_new_session=True
        )
        self.lines: list[str] = []
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stderr is not None
        self.lines.extend(line.rstrip() for line in iter(self.process.stderr.readline, ""))

    def _said(self, pattern: str) -> list[str]:
        return [line for line in list(self.lines) if re.search(pattern, line)]

    def waits_for(self, pattern: str, count: int = 1, within_s: float = 8.0) -> str:
        assert eventually(lambda: len(self._said(pattern)) >= count, within_s), self.lines
        return self._said(pattern)[count - 1]

    def pid(self, name: str, count: int = 1) -> int:
        return int(self.waits_for(rf"{name} started, pid", count).rsplit(" ", 1)[1])

    def ends(self, within_s: float = 8.0) -> int:
        code = self.process.wait(timeout=within_s)
        self._reader.join(timeout=2)
        return code


@pytest.fixture
def started() -> Iterator[list[Supervised]]:
    supervisors: list[Supervised] = []
    yield supervisors
    for supervisor in supervisors:
        if supervisor.process.poll() is None:
            supervisor.process.kill()
        for line in supervisor.lines:
            if found := re.search(r"started, pid (\d+)", line):
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(int(found.group(1)), signal.SIGKILL)
        supervisor.ends()


def a_task(tmp_path: Path, ends_with: int) -> tuple[int, str, str]:
    return 0, "task", f"{tmp_path / 'runs'}={ends_with}"


@pytest.mark.parametrize(("ends_with", "said"), [(0, "heads is done"), (3, "heads exited with 3")])
def test_a_task_runs_once_when_all_others_are_well(
    started: list[Supervised], tmp_path: Path, ends_with: int, said: str
) -> None:
    supervisor = Supervised({"heads": a_task(tmp_path, ends_with), "bot": (free_port(), "well", "")})
    started.append(supervisor)
    supervisor.waits_for(said)
    lines = [re.sub(r"pid \d+|after .*", "", line) for line in supervisor.lines]
    assert lines == [f"nightdesk: {line}" for line in ("bot started, ", "bot is ready ", "heads started, ", said)]
    os.kill(supervisor.pid("bot"), signal.SIGKILL)
    supervisor.waits_for("bot is ready", 2)
    supervisor.process.terminate()
    assert supervisor.ends() == 0
    assert (tmp_path / "runs").read_text() == "run\n"


def test_a_task_under_way_is_stopped_with_the_rest(started: list[Supervised], tmp_path: Path) -> None:
    supervisor = Supervised({"bot": (free_port(), "well", ""), "heads": a_task(tmp_path, -1)})
    started.append(supervisor)
    task = supervisor.pid("heads")
    assert eventually((tmp_path / "runs").exists)
    supervisor.process.terminate()
    assert supervisor.ends() == 0
    assert not alive(task)
    assert supervisor.lines[-2:] == ["nightdesk: heads stopped", "nightdesk: bot stopped"]


def test_it_waits_until_each_is_well_and_stops_the_last_first(started: list[Supervised]) -> None:
    supervisor = Supervised({"bot": (free_port(), "well", ""), "web": (free_port(), "well", "")})
    started.append(supervisor)
    supervisor.waits_for("bot is ready")
    supervisor.waits_for("web is ready")
    supervisor.process.terminate()
    assert supervisor.ends() == 0
    assert [line for line in supervisor.lines if "stopped" in line] == [
        "nightdesk: web stopped",
        "nightdesk: bot stopped",
    ]


def test_control_c_is_a_clean_stop(started: list[Supervised]) -> None:
    supervisor = Supervised({"web": (free_port(), "well", "")})
    started.append(supervisor)
    supervisor.waits_for("web is ready")
    os.killpg(supervisor.process.pid, signal.SIGINT)
    assert supervisor.ends() == 0
    assert not any("Traceback" in line for line in supervisor.lines)


def test_what_is_killed_comes_back(started: list[Supervised]) -> None:
    supervisor = Supervised({"web": (free_port(), "well", "")})
    started.append(supervisor)
    supervisor.waits_for("web is ready")
    os.kill(supervisor.pid("web"), signal.SIGKILL)
    supervisor.waits_for("was killed by SIGKILL; starting it again in 0.2 s")
    supervisor.waits_for("web is ready", count=2)
    assert supervisor.pid("web", 2) != supervisor.pid("web", 1)


def test_each_death_in_a_row_waits_twice_as_long_and_health_resets_that(started: list[Supervised]) -> None:
    supervisor = Supervised({"web": (free_port(), "well", "")}, "backoff_first_s=0.1, backoff_reset_s=1.0")
    started.append(supervisor)
    for count in (1, 2, 3):
        supervisor.waits_for("web is ready", count)
        os.kill(supervisor.pid("web", count), signal.SIGKILL)
    supervisor.waits_for("web is ready", 4)
    time.sleep(1.2)
    os.kill(supervisor.pid("web", 4), signal.SIGKILL)
    supervisor.waits_for("starting it again", 4)
    pauses = [line.rsplit("in ", 1)[1] for line in supervisor.lines if "starting it again" in line]
    assert pauses == ["0.1 s", "0.2 s", "0.4 s", "0.1 s"]


def test_the_pauses_have_a_longest(started: list[Supervised]) -> None:
    policy = "backoff_first_s=0.05, backoff_most_s=0.1, first_deaths=4"
    supervisor = Supervised({"bot": (free_port(), "sickly", "")}, policy)
    started.append(supervisor)
    assert supervisor.ends() == 1
    pauses = [line.rsplit("in ", 1)[1] for line in supervisor.lines if "starting it again" in line]
    assert pauses == ["0.05 s", "0.1 s", "0.1 s"]


def test_what_never_gets_well_is_given_up_and_takes_the_others_along(started: list[Supervised]) -> None:
    children = {"bot": (free_port(), "sickly", ""), "web": (free_port(), "well", "")}
    supervisor = Supervised(children, "backoff_first_s=0.1, first_deaths=3")
    started.append(supervisor)
    assert supervisor.ends() == 1
    assert "nightdesk: bot exited with 3 3 times without ever being ready; giving up" in supervisor.lines
    assert "nightdesk: web stopped" in supervisor.lines
    assert not alive(supervisor.pid("web"))


def test_what_ignores_the_request_to_stop_is_killed(started: list[Supervised]) -> None:
    supervisor = Supervised({"web": (free_port(), "stubborn", "")}, "stop_limit_s=0.3")
    started.append(supervisor)
    supervisor.waits_for("web is ready")
    supervisor.process.terminate()
    assert supervisor.ends() == 1
    supervisor.waits_for("web did not stop in time: killed")
    assert not alive(supervisor.pid("web"))


def test_a_second_signal_does_not_wait(started: list[Supervised]) -> None:
    supervisor = Supervised({"web": (free_port(), "stubborn", "")}, "stop_limit_s=60")
    started.append(supervisor)
    supervisor.waits_for("web is ready")
    supervisor.process.terminate()
    time.sleep(0.3)
    supervisor.process.terminate()
    assert supervisor.ends(3) == 1


@pytest.mark.parametrize("tie", ["None", "Watchdog()"])
def test_children_die_with_a_supervisor_that_is_killed(started: list[Supervised], tie: str) -> None:
    supervisor = Supervised({"bot": (free_port(), "stubborn", ""), "web": (free_port(), "stubborn", "")}, tie=tie)
    started.append(supervisor)
    supervisor.waits_for("bot is ready")
    supervisor.waits_for("web is ready")
    supervisor.process.kill()
    assert eventually(lambda: not alive(supervisor.pid("bot")) and not alive(supervisor.pid("web")))


def test_a_clean_stop_leaves_no_watchdog(started: list[Supervised]) -> None:
    supervisor = Supervised({"web": (free_port(), "well", "")}, tie="Watchdog()")
    started.append(supervisor)
    supervisor.waits_for("web is ready")
    supervisor.process.terminate()
    assert supervisor.ends() == 0


def test_an_orphaned_worker_does_not_keep_the_port(started: list[Supervised], tmp_path: Path) -> None:
    worker = tmp_path / "worker"
    supervisor = Supervised({"web": (free_port(), "parent", str(worker))})
    started.append(supervisor)
    supervisor.waits_for("web is ready")
    orphan = int(worker.read_text())
    os.kill(supervisor.pid("web"), signal.SIGKILL)
    supervisor.waits_for("web is ready", 2)
    assert not alive(orphan)


def test_a_port_in_use_is_one_clear_sentence_and_nothing_is_started(started: list[Supervised]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        supervisor = Supervised({"bot": (free_port(), "well", ""), "web": (port, "well", "")})
        started.append(supervisor)
        assert supervisor.ends() == 1
    assert supervisor.lines == [
        f"nightdesk: web cannot start: port {port} on 127.0.0.1 is already in use; "
        "stop what listens there or set another port"
    ]


def test_a_program_that_does_not_exist_is_named(started: list[Supervised]) -> None:
    script = (
        "import sys; from web.supervisor import Command, supervise;"
        f"sys.exit(supervise([Command('bot', ['/no/such/program'], 'http://127.0.0.1:{free_port()}/')]))"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, timeout=10)
    assert done.returncode == 1
    assert done.stderr == "nightdesk: bot cannot be started: /no/such/program: No such file or directory\n"
