"""What every test may ask for, and the rule that CI skips nothing."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
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
