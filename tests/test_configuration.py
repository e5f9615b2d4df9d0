"""data/nightdesk.toml explains every key, shows its default, and cannot drift from the rooms' Settings."""

from __future__ import annotations

import importlib
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

import nightdesk

ROOT = Path(__file__).resolve().parents[1]
SHIPPED = ROOT / "data" / "nightdesk.toml"
ROOMS = ("retrieval", "bot", "finetune", "web")
NOT_FOR_OPERATORS = {"points_dir"}  # kill tests only


def settings_of(room: str) -> Any:
    return importlib.import_module(f"{room}.settings").Settings


def uncommented() -> dict[str, dict[str, Any]]:
    """The shipped file with every commented-out key switched on."""
    lines, inside = [], False
    for line in SHIPPED.read_text(encoding="utf-8").splitlines():
        bare = line.removeprefix("# ")
        key = re.match(r"[a-z_]+ = ", bare)
        lines.append(bare if key or inside else line)
        inside = (inside or bare.endswith("[")) and not bare.startswith("]")
    return tomllib.loads("\n".join(lines))


@pytest.mark.parametrize("room", ROOMS)
def test_every_key_stands_in_the_shipped_file(room: str) -> None:
    assert set(uncommented()[room]) == set(settings_of(room).model_fields) - NOT_FOR_OPERATORS


@pytest.mark.parametrize("room", ROOMS)
def test_every_key_is_explained_on_the_line_above(room: str) -> None:
    text = SHIPPED.read_text(encoding="utf-8").splitlines()
    start = next(number for number, line in enumerate(text) if line.startswith(f"[{room}]"))
    section = text[start : next((n for n in range(start + 1, len(text)) if text[n].startswith("[")), len(text))]
    for number, line in enumerate(section):
        if re.match(r"(# )?[a-z_]+ = ", line):
            assert re.match(r"# \S+ \S+", section[number - 1]), f"[{room}] {line!r} has no explanation above it"


@pytest.mark.parametrize("room", ROOMS)
def test_the_defaults_shown_are_the_defaults(room: str) -> None:
    shown = nightdesk._resolved({room: uncommented()[room]}, SHIPPED.parent)[room]
    loaded = settings_of(room)(**shown)
    for name, field in settings_of(room).model_fields.items():
        default = field.get_default(call_default_factory=True)
        if name in NOT_FOR_OPERATORS:
            continue
        expected = (ROOT / default).resolve() if isinstance(default, Path) else default
        assert getattr(loaded, name) == expected, f"[{room}] {name}"


def test_an_unknown_key_is_named_with_its_file(tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text("[web]\nprot = 80\n")
    place = nightdesk.Place.open(tmp_path, file, [])
    with pytest.raises(nightdesk.Failure, match=r"mine\.toml: \[web\] has no key 'prot'"):
        _ = place.web


def test_a_wrong_value_is_named_with_what_is_accepted(tmp_path: Path) -> None:
    place = nightdesk.Place.open(tmp_path, SHIPPED, ["web.port=99999"])
    with pytest.raises(nightdesk.Failure, match=r"\[web\] port = 99999: .*less than or equal to 65535"):
        _ = place.web


@pytest.mark.parametrize("override", ["web.port", "port=3", "=3", "web.port="])
def test_a_malformed_override_is_refused(tmp_path: Path, override: str) -> None:
    with pytest.raises(nightdesk.Failure, match=re.escape(override)):
        nightdesk.Place.open(tmp_path, SHIPPED, [override])


def test_a_path_beginning_with_a_dot_lies_beside_the_file(tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text('[finetune]\nutterances = "./labels.csv"\n')
    assert nightdesk.Place.open(tmp_path, file, []).finetune.utterances == tmp_path / "labels.csv"


def test_the_bot_is_looked_for_where_it_listens(tmp_path: Path) -> None:
    place = nightdesk.Place.open(tmp_path, SHIPPED, ["bot.port=7001"])
    assert place.web.bot_url == "http://127.0.0.1:7001"


def test_secrets_are_made_once_and_only_for_this_user(tmp_path: Path) -> None:
    place = nightdesk.Place.open(tmp_path / "home", SHIPPED, [])
    first = place.secrets()
    assert (tmp_path / "home" / "secrets.json").stat().st_mode & 0o777 == 0o600
    assert place.secrets() == first
    assert len(set(first.values())) == len(nightdesk.SECRETS)
    assert all(len(value) >= 32 for value in first.values())


def test_a_short_secret_from_the_environment_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NIGHTDESK_SECRET_BOT", "short")
    with pytest.raises(nightdesk.Failure, match="NIGHTDESK_SECRET_BOT has 5 characters; it needs at least 32"):
        nightdesk.Place.open(tmp_path, SHIPPED, []).secrets()
