"""What this room needs, whether it is there, and how to mend it."""

from __future__ import annotations

import socket
from dataclasses import dataclass
from pathlib import Path

from bot.errors import BotError
from bot.settings import Settings


@dataclass(frozen=True, slots=True)
class Check:
    """One line of `nightdesk doctor`: what was looked at, whether it is well, how to mend it if not."""

    what: str
    ok: bool
    mend: str = ""


def check(home: Path, settings: Settings, shop_secret: str = "") -> list[Check]:
    """Return a line for each thing the action server needs; looks, loads nothing, changes nothing."""
    return [
        _intents(home),
        _response_model(home, settings),
        *_back_office(home, settings, shop_secret),
        _loopback(settings),
    ]


def mend(home: Path, settings: Settings) -> None:
    """Fetch and convert the response model's weights if they are wanted and missing."""
    if settings.model != "off":
        from bot.response_weights import prepare

        prepare(home, say=print)


def _intents(home: Path) -> Check:
    from bot.bundle_knowledge import load_head
    from retrieval.bundle import open_bundle
    from retrieval.errors import NoBundle, RetrievalError

    try:
        head = load_head(open_bundle(home))
    except NoBundle:
        return Check("intents: no bundle yet", False, "nightdesk ingest PATH…, then nightdesk train")
    except (RetrievalError, BotError) as error:
        return Check(f"intents: {error}", False, "nightdesk train")
    if head is None:
        return Check("intents: the bundle has no intent head, so only passages answer", False, "nightdesk train")
    return Check(f"intents: {len(head.labels)} known", True)


def _response_model(home: Path, settings: Settings) -> Check:
    from bot.response_weights import folder_of, is_there
    from retrieval.errors import RetrievalError

    if settings.model == "off":
        return Check("response model: switched off, drafts are extractive", True)
    if is_there(home):
        try:
            return Check(f"response model: {folder_of(home)}; {_engine(home, settings)}", True)
        except (BotError, RetrievalError) as error:
            return Check(f"response model: {error}", False, "nightdesk train, or nightdesk rollback")
    return Check(
        "response model: its weights are missing, drafts are extractive until they are here",
        False,
        'nightdesk doctor --mend, or model = "off" in [bot]',
    )


def _engine(home: Path, settings: Settings) -> str:
    """Which engine decodes, and why."""
    from bot.engines.router import pick
    from bot.engines.weights import weights_that_serve

    if settings.model_engine != "auto":
        return f"{settings.model_engine} decodes, as model_engine in [bot] says"
    choice = pick(weights_that_serve(home), settings.model_threads, settings.model_agreement)
    return f"{choice.engine} decodes: {choice.why}"


def _back_office(home: Path, settings: Settings, secret: str) -> list[Check]:
    from bot.backoffice.sample import FILE
    from bot.backoffice.terms import load_terms

    try:
        terms = load_terms(settings.terms)
    except BotError as error:
        return [Check(f"terms: {error}", False, "set terms in [bot] to a file such as data/demo/terms.toml")]
    known = Check(f"terms: {len(terms)} kinds of change are allowed", True)
    if settings.backoffice_http:
        from bot.backoffice.http.check import check_back_office
        from bot.backoffice.http.settings import SECRET_VARIABLE

        return [known, *check_back_office(settings.backoffice_http, {SECRET_VARIABLE: secret}, terms)]
    if (home / FILE).exists() or settings.backoffice_seed.exists():
        return [known, Check("back office: the sample is there", True)]
    return [
        known,
        Check(
            f"back office: nothing to start from at {settings.backoffice_seed}",
            False,
            "set backoffice_seed in [bot] to a JSON file of {customers, products, orders}",
        ),
    ]


def _loopback(settings: Settings) -> Check:
    try:
        addresses = {info[4][0] for info in socket.getaddrinfo(settings.host, None)}
    except OSError:
        return Check(f"address: {settings.host} cannot be resolved", False, 'host = "127.0.0.1" in [bot]')
    if all(str(address).startswith("127.") or address == "::1" for address in addresses):
        return Check("address: the action server listens on loopback only", True)
    return Check(
        f"address: the action server listens on {settings.host}, where others may reach it",
        False,
        'host = "127.0.0.1" in [bot], unless web runs on another machine and a firewall stands between',
    )
