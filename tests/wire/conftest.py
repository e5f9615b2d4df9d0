"""The wire's schemas as validators, and the bot's fakes."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from referencing import Registry, Resource

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "bot"))


@pytest.fixture(scope="session")
def validate() -> Callable[[str, Any], None]:
    """Check a value against docs/wire/<name>.schema.json; the references between the schemas are followed."""
    schemas = [json.loads(path.read_text("utf-8")) for path in sorted((ROOT / "docs" / "wire").glob("*.schema.json"))]
    registry: Registry[Any] = Registry().with_resources(
        (schema["$id"], Resource.from_contents(schema)) for schema in schemas
    )
    by_name = {schema["$id"].removeprefix("nightdesk/"): schema for schema in schemas}

    def check(name: str, value: Any) -> None:
        Draft202012Validator(by_name[name], registry=registry).validate(value)

    return check
