"""What every test may ask for, and the rule that CI skips nothing."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]

# Before any numerical library loads: threads that spin while they wait starve the other processes of a test run.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
os.environ.setdefault("GOMP_SPINCOUNT", "0")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--no-skips", action="store_true", help="a skipped test fails the run (GPU tests excepted)")
    parser.addoption("--screenshots", action="store_true", help="keep the journey's screenshots under docs/images")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    if config.getoption("--no-skips") and _unwelcome(terminalreporter):
        terminalreporter.write_line("skipped, and --no-skips was given:", red=True)
        for report in _unwelcome(terminalreporter):
            terminalreporter.write_line(f"  {report.nodeid}")


def pytest_sessionfinish(session: pytest.Session) -> None:
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if session.config.getoption("--no-skips") and reporter and _unwelcome(reporter) and session.exitstatus == 0:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def _unwelcome(reporter: pytest.TerminalReporter) -> list[pytest.TestReport]:
    return [report for report in reporter.stats.get("skipped", []) if "gpu" not in report.keywords]


@pytest.fixture(scope="session")
def weights() -> Path:
    """The folder of real base weights; skips where `make setup` has not fetched them."""
    folder = Path(os.environ.get("NIGHTDESK_HOME", ROOT / "var")).resolve() / "weights"
    if not (folder / "minilm" / "model.safetensors").exists():
        pytest.skip("the base weights are not here; `make setup` fetches them")
    return folder


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Path]:
    """An empty NIGHTDESK_HOME of the test's own."""
    folder = tmp_path / "home"
    folder.mkdir()
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@dataclass(frozen=True)
class Service:
    """`nightdesk serve --demo`, running: the demo company with the real encoder, in a home of its own."""

    url: str
    home: Path
    command: tuple[str, ...]  # nightdesk with this home and these ports; add a subcommand
    log: Path
    bot_url: str

    @property
    def desk_email(self) -> str:
        return self._agent()["email"]

    @property
    def desk_password(self) -> str:
        return self._agent()["password"]

    def _agent(self) -> dict[str, str]:
        return dict(json.loads((self.home / "demo-agent.json").read_text()))

    def run(self, *words: str) -> str:
        """Run `nightdesk WORDS` beside the running service and return what it printed."""
        done = subprocess.run([*self.command, *words], cwd=ROOT, capture_output=True, text=True, timeout=300)
        assert done.returncode == 0, f"nightdesk {' '.join(words)} failed:\n{done.stderr[-2000:]}"
        return done.stdout

    def wait_for_newest(self, within_s: float = 30.0) -> None:
        """Wait until the assistant serves the newest bundle; a busy machine takes its time over loading it."""
        newest = (self.home / "models" / "current").read_text().strip()
        deadline = time.monotonic() + within_s
        while True:
            with urllib.request.urlopen(f"{self.bot_url}/health", timeout=5) as answer:
                serves = json.load(answer)["bundle"]
            if serves == newest:
                return
            assert time.monotonic() < deadline, f"{serves} serves, {newest} does not within {within_s:g} s"
            time.sleep(0.05)

    @contextlib.contextmanager
    def bot_held(self) -> Iterator[None]:
        """The assistant's process stands still, so that a turn stays under way for as long as a test needs."""
        pid = int(re.findall(r"bot started, pid (\d+)", self.log.read_text())[-1])
        os.kill(pid, signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(pid, signal.SIGCONT)


@pytest.fixture(scope="session")
def service(weights: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """The demo company served as `make run` serves it, once for all tests that talk to the whole house."""
    folder = tmp_path_factory.mktemp("service")
    (folder / "home").mkdir()
    (folder / "home" / "weights").symlink_to(weights)
    web, bot = _free_port(), _free_port()
    command = (
        sys.executable, str(ROOT / "nightdesk.py"), "--home", str(folder / "home"),
        "--set", f"web.port={web}", "--set", f"bot.port={bot}",
        "--set", "web.messages_burst=1000", "--set", "web.visitors_burst=1000",  # tests say much in a minute
    )  # fmt: skip
    log = folder / "log"
    with log.open("wb") as output:
        process = subprocess.Popen([*command, "serve", "--demo"], cwd=ROOT, stdout=output, stderr=output)
    try:
        for url in (f"http://127.0.0.1:{bot}/health", f"http://127.0.0.1:{web}/health"):
            _wait_until_well(url, process, log)
        served = Service(f"http://127.0.0.1:{web}", folder / "home", command, log, f"http://127.0.0.1:{bot}")
        _wait_until_said("heads is done", process, log)
        served.wait_for_newest()
        yield served
    finally:
        process.terminate()
        try:
            process.wait(timeout=30)
        except subprocess.TimeoutExpired:
            process.kill()


def _wait_until_well(url: str, process: subprocess.Popen[bytes], log: Path, within_s: float = 600.0) -> None:
    deadline = time.monotonic() + within_s
    while time.monotonic() < deadline:
        assert process.poll() is None, f"the service ended:\n{log.read_text()[-2000:]}"
        with contextlib.suppress(OSError), urllib.request.urlopen(url, timeout=2) as answer:
            if json.load(answer).get("status") == "ok":
                return
        time.sleep(0.2)
    pytest.fail(f"{url} was not well within {within_s:g} s:\n{log.read_text()[-2000:]}")


def _wait_until_said(line: str, process: subprocess.Popen[bytes], log: Path, within_s: float = 900.0) -> None:
    deadline = time.monotonic() + within_s
    while line not in log.read_text():
        assert process.poll() is None, f"the service ended:\n{log.read_text()[-2000:]}"
        assert time.monotonic() < deadline, f"not {line!r} within {within_s:g} s:\n{log.read_text()[-2000:]}"
        time.sleep(0.2)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
