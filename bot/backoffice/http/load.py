"""Read the TOML file that describes a shop's API. A mistake is one sentence: the file, the table, what is accepted."""

from __future__ import annotations

import tomllib
import types
import typing
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from bot.backoffice.http.mistakes import mistakes
from bot.backoffice.http.settings import Part, ShopApi
from bot.backoffice.terms import Terms
from bot.errors import BackOfficeError

# Tables whose values may be a secret that somebody put in the wrong place: they are never repeated.
UNSHOWN = frozenset({"auth", "headers", "base_url"})


@dataclass(frozen=True, slots=True)
class Shop:
    """A shop's API as described, and the secret it is asked with."""

    api: ShopApi
    secret: str = field(repr=False)
    file: Path


def load_shop(path: Path, secrets: Mapping[str, str], terms: Terms) -> Shop:
    """Return the description and its secret, taken out of `secrets` by the variable's name.

    What the company's terms allow must be described. Raises BackOfficeError.
    """
    api = _read(path)
    for table, mistake in mistakes(api, terms):
        raise BackOfficeError(f"{path}: {f'[{table}] ' if table else ''}{mistake}")
    return Shop(api, _secret(path, api.auth.secret, secrets), path)


def _read(path: Path) -> ShopApi:
    try:
        tables = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise BackOfficeError(f"{path}: the shop's API cannot be read: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise BackOfficeError(f"{path}: the shop's API should be TOML, and is not: {error}") from error
    try:
        return ShopApi.model_validate(_beside(tables, path.parent))
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False)[0]
        loc = tuple(str(part) for part in first["loc"])
        raise BackOfficeError(f"{path}: {_sentence(loc, first)}") from None


def _beside(tables: dict[str, Any], folder: Path) -> dict[str, Any]:
    """The certificate file lies beside the TOML file unless its path is absolute."""
    name = tables.get("ca_file")
    return tables | {"ca_file": folder / name} if isinstance(name, str) else tables


def _sentence(loc: tuple[str, ...], error: Any) -> str:
    table, key = ".".join(loc[:-1]), loc[-1]
    where = f"[{table}] {key}" if table else key
    if error["type"] == "missing":
        return f"{where} is missing; docs/back-office.md explains it"
    if error["type"] == "extra_forbidden":
        accepted = ", ".join(_model_at(loc[:-1]).model_fields)
        return f"{f'[{table}]' if table else 'the file'} has no key {key!r}; expected some of {accepted}"
    value = "" if loc[0] in UNSHOWN else f" = {error['input']!r:.60}"
    return f"{where}{value}: {error['msg']}"


def _model_at(loc: tuple[str, ...]) -> type[Part]:
    """The model of a table, found by walking the annotations."""
    kind: Any = ShopApi
    for name in loc:
        is_table = isinstance(kind, type) and issubclass(kind, Part)
        kind = _bare(kind.model_fields[name].annotation if is_table else typing.get_args(kind)[-1])
    return kind if isinstance(kind, type) and issubclass(kind, Part) else ShopApi


def _bare(kind: Any) -> Any:
    """The kind within Annotated and `… | None`."""
    while typing.get_origin(kind) in (typing.Annotated, typing.Union, types.UnionType):
        kind = next(part for part in typing.get_args(kind) if part is not type(None))
    return kind


def _secret(path: Path, name: str, secrets: Mapping[str, str]) -> str:
    """The secret; the message says the variable's name, never a part of what it holds."""
    if name not in secrets:
        raise BackOfficeError(f"{path}: [auth] secret = {name!r}; expected {' or '.join(secrets) or 'none'}")
    secret = secrets[name]
    if not secret:
        raise BackOfficeError(
            f"the environment variable {name} is not set; {path} says that the shop's secret is there"
        )
    if not secret.isascii() or not secret.isprintable() or secret != secret.strip():
        raise BackOfficeError(f"the environment variable {name} has characters that cannot be sent in a header")
    return secret
