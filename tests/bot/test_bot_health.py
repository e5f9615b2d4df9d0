"""What the doctor says of this room."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from bot.health import check
from bot.settings import Secrets, Settings


def told(home: Path, settings: Settings) -> dict[str, tuple[bool, str]]:
    return {row.what.split(":")[0]: (row.ok, row.mend) for row in check(home, settings)}


def test_an_empty_home_lacks_a_bundle_and_weights_and_says_how_to_mend_it(home: Path) -> None:
    rows = told(home, Settings(backoffice_seed=home / "absent.json"))
    assert {what for what, (ok, _) in rows.items() if not ok} == {"intents", "response model", "back office"}
    assert all(mend for ok, mend in rows.values() if not ok)
    assert "nightdesk ingest" in rows["intents"][1]


def test_a_model_that_is_switched_off_is_not_missed(home: Path) -> None:
    assert told(home, Settings(model="off"))["response model"] == (True, "")


def test_an_open_address_is_pointed_out(home: Path) -> None:
    assert told(home, Settings(host="127.0.0.1"))["address"][0]
    assert not told(home, Settings(host="0.0.0.0"))["address"][0]


def test_looking_changes_nothing(home: Path) -> None:
    check(home, Settings())
    assert list(home.iterdir()) == []


def test_an_unknown_key_is_refused() -> None:
    with pytest.raises(ValidationError, match="colour"):
        Settings(colour="green")  # type: ignore[call-arg]


def test_settings_never_change_and_secrets_are_never_printed() -> None:
    with pytest.raises(ValidationError):
        Settings().port = 1  # type: ignore[misc]
    assert "hidden" not in repr(Secrets("hidden-bot", "hidden-identity"))


def test_every_setting_is_explained() -> None:
    assert [name for name, field in Settings.model_fields.items() if not field.description] == []
