"""What every command keeps: help with an example, exit codes, one clear sentence, a README that tells the truth."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

import nightdesk

ROOT = Path(__file__).resolve().parents[1]


def commands(
    group: click.Group = nightdesk.cli, words: tuple[str, ...] = ()
) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    """Every command that does something, with the words that call it."""
    for name, command in sorted(group.commands.items()):
        if isinstance(command, click.Group):
            yield from commands(command, (*words, name))
        else:
            yield (*words, name), command


def run(home: Path, *words: str) -> tuple[int, str, str]:
    done = CliRunner().invoke(nightdesk.cli, ["--home", str(home), *words])
    return done.exit_code, done.stdout, done.stderr


ALL = dict(commands())


@pytest.mark.parametrize("words", ALL, ids=" ".join)
def test_every_command_has_help_with_an_example_of_itself(words: tuple[str, ...]) -> None:
    text = ALL[words].help or ""
    assert f"Example: nightdesk {' '.join(words)}" in text
    assert text.splitlines()[0].endswith("."), "the first line is a sentence"


@pytest.mark.parametrize("words", ALL, ids=" ".join)
def test_every_option_is_explained(words: tuple[str, ...]) -> None:
    silent = [part.name for part in ALL[words].params if isinstance(part, click.Option) and not part.help]
    assert not silent


def test_the_readme_names_only_commands_and_targets_that_exist() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    used = {tuple(found.split()) for found in re.findall(r"^nightdesk ([a-z]+(?: add-agent| turns)?)", readme, re.M)}
    assert used
    assert used <= set(ALL), f"not there: {used - set(ALL)}"
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for target in re.findall(r"\bmake ([a-z-]+)", readme):
        assert re.search(rf"^{target}:", makefile, re.M), f"the README says make {target}"


def test_wrong_usage_exits_with_2(tmp_path: Path) -> None:
    for words in (["ingets"], ["ingest"], ["ingest", "--trsut", "x"], ["bench", "turns", "--clients", "many"]):
        code, _, err = run(tmp_path, *words)
        assert code == 2, words
        assert "Usage" in err or "Error" in err


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["ingest", "nowhere"], "nowhere"),
        (["train"], "ingest"),
        (["evaluate"], "ingest"),
        (
            ["desk", "add-agent", "noor", "--name", "Noor", "--password", "long-enough-a-word"],
            "'noor' is not an e-mail address",
        ),
        (["desk", "add-agent", "n@x.example", "--name", "Noor", "--password", "short"], "5 characters"),
    ],
)
def test_failing_exits_with_1_and_one_sentence(tmp_path: Path, words: list[str], sentence: str) -> None:
    code, _, err = run(tmp_path, *words)
    assert code == 1
    assert sentence in err
    assert "Traceback" not in err
    assert len(err.strip().splitlines()) == 1, err


def test_an_unreadable_configuration_is_one_sentence(tmp_path: Path) -> None:
    broken = tmp_path / "broken.toml"
    broken.write_text("[web\n")
    done = CliRunner().invoke(nightdesk.cli, ["--config", str(broken), "doctor"])
    assert done.exit_code == 1
    assert "is not valid TOML" in done.stderr


def test_the_doctor_says_what_is_missing_and_how_to_mend_it(tmp_path: Path) -> None:
    code, out, _ = run(tmp_path / "fresh", "doctor", "--json")
    checks = json.loads(out.splitlines()[-1])["checks"]
    assert code == 1
    missing = [check for check in checks if not check["ok"]]
    assert any("bundle" in check["what"] for check in missing)
    assert all(check["mend"] for check in missing)


def test_importing_the_command_line_reads_and_writes_nothing(tmp_path: Path) -> None:
    script = "import sys, os; before = dict(os.environ); import nightdesk; assert dict(os.environ) == before"
    subprocess.run([sys.executable, "-c", script], cwd=ROOT, check=True)
    assert list(tmp_path.iterdir()) == []
