"""The house: which room may know which. Walks the imports and names the line that breaks an arrow."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
ROOMS = ("retrieval", "bot", "finetune", "web")
MAY_IMPORT = {"retrieval": set(), "bot": {"retrieval"}, "finetune": {"bot", "retrieval"}, "web": set()}
HEAVY = {"torch", "transformers", "faiss", "sentence_transformers", "bitsandbytes", "rasa_sdk", "peft"}
# What each room must never import, at module level or inside a function.
FORBIDDEN = {
    "retrieval": {"rasa_sdk", "flask", "sqlalchemy", "peft", "bitsandbytes"},
    "bot": {"flask", "sqlalchemy", "peft"},
    "finetune": {"flask", "sqlalchemy", "rasa_sdk"},
    "web": HEAVY | {"sanic", "sklearn", "numpy"},
}


def imports(path: Path) -> Iterator[tuple[int, str]]:
    """Each import of the file as (line, top-level module), those inside functions and `if TYPE_CHECKING` included."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"), str(path))):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name.split(".")[0]) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            yield node.lineno, node.module.split(".")[0]


def sources(room: str) -> list[Path]:
    return sorted((ROOT / room).rglob("*.py"))


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_imports_only_the_rooms_below_it(room: str) -> None:
    broken = [
        f"{path.relative_to(ROOT)}:{line} imports {name}"
        for path in sources(room)
        for line, name in imports(path)
        if (name in ROOMS and name != room and name not in MAY_IMPORT[room]) or name in ("nightdesk", "tests")
    ]
    assert not broken, "\n".join(broken)


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_stays_away_from_what_it_must_not_know(room: str) -> None:
    broken = [
        f"{path.relative_to(ROOT)}:{line} imports {name}"
        for path in sources(room)
        for line, name in imports(path)
        if name in FORBIDDEN[room]
    ]
    assert not broken, "\n".join(broken)


@pytest.mark.parametrize("room", [*ROOMS, "nightdesk"])
def test_a_front_door_is_light(room: str) -> None:
    script = f"import sys, {room}; print(*sorted({HEAVY | {'flask', 'sanic', 'sklearn'}!r} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.split() == [], f"import {room} also loads {done.stdout.strip()}"


@pytest.mark.parametrize("room", ROOMS)
def test_the_environment_is_read_nowhere_in_a_room(room: str) -> None:
    broken = [
        f"{path.relative_to(ROOT)}:{node.lineno}"
        for path in sources(room)
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if (
            isinstance(node, ast.Attribute)
            and node.attr in ("environ", "getenv")
            and getattr(node.value, "id", "") == "os"
        )
    ]
    assert not broken, "only nightdesk.py reads the environment:\n" + "\n".join(broken)


def test_nothing_loads_untrusted_code_or_pickles() -> None:
    words = ("trust_remote_code=True", "pickle.load", "torch.load(", "joblib.load", "yaml.load(")
    broken = [
        f"{path.relative_to(ROOT)} has {word}"
        for room in ROOMS
        for path in sources(room)
        for word in words
        if word in path.read_text(encoding="utf-8")
    ]
    assert not broken, "\n".join(broken)


def test_the_top_level_is_the_one_we_agreed_on() -> None:
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False)
    if listed.returncode != 0:
        pytest.skip("not a git checkout")
    top = {line.split("/")[0] for line in listed.stdout.splitlines()}
    agreed = {
        *ROOMS, "tests", "data", "docs", ".ci", "pyproject.toml", "requirements.lock", "nightdesk.py", "Makefile",
        "README.md", "CHANGELOG.md", "LICENSE", ".gitignore",
    }  # fmt: skip
    assert top <= agreed, f"not agreed on: {sorted(top - agreed)}"
