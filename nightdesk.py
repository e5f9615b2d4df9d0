"""The command line: each subcommand is a step or two into a room, and what needs two rooms is joined here alone.

This is the only module that reads the environment (NIGHTDESK_HOME, NIGHTDESK_CONFIG, NIGHTDESK_SECRET_*,
NIGHTDESK_BACKOFFICE_SECRET) and the configuration file. Exit codes: 0 done, 1 failed with one clear sentence, 2 wrong
usage.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets as random_secrets
import sys
import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from bot.settings import Settings as BotSettings
    from finetune.settings import Settings as FinetuneSettings
    from retrieval.settings import Settings as RetrievalSettings
    from web.settings import Secrets as WebSecrets
    from web.settings import Settings as WebSettings

HERE = Path(__file__).resolve().parent
DEMO = HERE / "data" / "demo"
SECRETS = ("session", "visitor", "shop", "bot", "identity", "corpus")
# OpenMP threads that spin while they wait starve every other process of the machine (measured: decoding with
# two threads 1.0 token/s by default, 16.4 with both set; 2 cores, November 2026).
QUIET_THREADS = {
    "OMP_WAIT_POLICY": "PASSIVE",
    "GOMP_SPINCOUNT": "0",
    "OPENBLAS_NUM_THREADS": "1",  # numpy's matrices are small here; its threads would only wait for each other
    "TOKENIZERS_PARALLELISM": "false",
}


class Failure(click.ClickException):
    """Something failed; the message is one clear sentence and the exit code 1."""

    def show(self, file: Any = None) -> None:  # noqa: ARG002 - click's signature
        """Print the sentence on standard error."""
        click.echo(f"nightdesk: {self.message}", err=True)


@dataclass(frozen=True)
class Place:
    """Where this run's state, configuration and secrets are."""

    home: Path
    config: Path
    overrides: tuple[str, ...] = ()
    sections: dict[str, dict[str, Any]] = field(default_factory=dict)

    @classmethod
    def open(cls, home: Path, config: Path, overrides: Sequence[str]) -> Place:
        """Read the configuration once; an unreadable file or unknown section is a Failure."""
        try:
            sections = tomllib.loads(config.read_text(encoding="utf-8"))
        except OSError as error:
            raise Failure(f"the configuration {config} cannot be read: {error.strerror}") from error
        except tomllib.TOMLDecodeError as error:
            raise Failure(f"the configuration {config} is not valid TOML: {error}") from error
        rooms = ("retrieval", "bot", "finetune", "web")
        for name, table in sections.items():
            if name not in rooms or not isinstance(table, dict):
                raise Failure(f"{config} has [{name}]; the sections are {', '.join(f'[{room}]' for room in rooms)}")
        for override in overrides:
            _override(sections, override)
        return cls(home.resolve(), config.resolve(), tuple(overrides), _resolved(sections, config.resolve().parent))

    def settings(self, room: str) -> Any:
        """The room's frozen Settings, or a Failure naming the key and what it should be."""
        import importlib

        from pydantic import ValidationError

        try:
            return importlib.import_module(f"{room}.settings").Settings(**self.sections.get(room, {}))
        except ValidationError as error:
            first = error.errors()[0]
            key = ".".join(str(part) for part in first["loc"])
            if first["type"] == "extra_forbidden":
                raise Failure(
                    f"{self.config}: [{room}] has no key {key!r}; data/nightdesk.toml explains each"
                ) from None
            raise Failure(f"{self.config}: [{room}] {key} = {first['input']!r}: {first['msg']}") from None

    @property
    def retrieval(self) -> RetrievalSettings:
        """[retrieval]."""
        return self.settings("retrieval")  # type: ignore[no-any-return]

    @property
    def bot(self) -> BotSettings:
        """[bot]."""
        return self.settings("bot")  # type: ignore[no-any-return]

    @property
    def finetune(self) -> FinetuneSettings:
        """[finetune]."""
        return self.settings("finetune")  # type: ignore[no-any-return]

    @property
    def web(self) -> WebSettings:
        """[web]; where the bot listens comes from [bot] unless it is said."""
        self.sections.setdefault("web", {}).setdefault("bot_url", f"http://{self.bot.host}:{self.bot.port}")
        return self.settings("web")  # type: ignore[no-any-return]

    def secrets(self) -> dict[str, str]:
        """All secrets by name: from NIGHTDESK_SECRET_<NAME>, else from secrets.json, created 0600 on first use."""
        kept = self._kept_secrets()
        found = {name: os.environ.get(f"NIGHTDESK_SECRET_{name.upper()}", kept[name]) for name in SECRETS}
        for name, value in found.items():
            if len(value) < 32:
                raise Failure(f"NIGHTDESK_SECRET_{name.upper()} has {len(value)} characters; it needs at least 32")
        return found

    def shop_secret(self) -> dict[str, str]:
        """The secret of the shop's own API, from NIGHTDESK_BACKOFFICE_SECRET; never made, only the shop has it."""
        return {"back_office": os.environ.get("NIGHTDESK_BACKOFFICE_SECRET", "")}

    def web_secrets(self) -> WebSecrets:
        """What the web room may know: everything but the key of the corpus."""
        from web.settings import Secrets

        return Secrets.model_validate({name: value for name, value in self.secrets().items() if name != "corpus"})

    def _kept_secrets(self) -> dict[str, str]:
        path = self.home / "secrets.json"
        try:
            kept = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
        except (OSError, ValueError) as error:
            raise Failure(f"{path} cannot be read as JSON: {error}") from error
        missing = [name for name in SECRETS if name not in kept]
        if missing:
            kept |= {name: random_secrets.token_hex(32) for name in missing}
            write_private(path, json.dumps(kept, indent=1))
        return kept

    def command(self, *words: str) -> list[str]:
        """The command line that runs `nightdesk WORDS` in this very place."""
        sets = [part for override in self.overrides for part in ("--set", override)]
        base = [sys.executable, str(HERE / "nightdesk.py"), "--home", str(self.home), "--config", str(self.config)]
        return [*base, *sets, *words]


def write_private(path: Path, text: str) -> None:
    """Write a file that only this user can read, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)


def _override(sections: dict[str, Any], override: str) -> None:
    key, _, value = override.partition("=")
    room, _, name = key.strip().partition(".")
    if not (room and name and value.strip()):
        raise Failure(f"--set {override!r} should look like room.key=value, for example web.port=8080")
    try:
        parsed = tomllib.loads(f"value = {value}")["value"]
    except tomllib.TOMLDecodeError:
        parsed = value.strip()
    sections.setdefault(room, {})[name] = parsed


def _resolved(sections: dict[str, dict[str, Any]], folder: Path) -> dict[str, dict[str, Any]]:
    """Values that begin with ./ or ../ are paths beside the configuration file."""

    def resolve(value: Any) -> Any:
        if isinstance(value, str) and value.startswith(("./", "../")):
            return str((folder / value).resolve())
        return [resolve(item) for item in value] if isinstance(value, list) else value

    return {room: {key: resolve(value) for key, value in table.items()} for room, table in sections.items()}


@contextlib.contextmanager
def one_sentence() -> Iterator[None]:
    """Turn each room's errors into exit code 1 and one sentence; anything else is a bug and keeps its traceback."""
    from bot.errors import BotError
    from finetune.errors import FinetuneError
    from retrieval.errors import RetrievalError
    from web.errors import SetupError, WebError

    try:
        yield
    except (BotError, FinetuneError, RetrievalError, SetupError, WebError) as error:
        raise Failure(str(error)) from error
    except KeyboardInterrupt:
        raise Failure("stopped by Ctrl-C; nothing is lost, the same command goes on where it stopped") from None


def tell(report: dict[str, Any], as_json: bool) -> None:
    """Print a report: one JSON document last for machines, aligned lines for people."""
    if as_json:
        click.echo(json.dumps(report, ensure_ascii=False))
        return
    width = max((len(key) for key in report), default=0)
    for key, value in report.items():
        if not isinstance(value, dict | list):
            click.echo(f"  {key.replace('_', ' '):<{width}}  {value}")


def tell_rows(report: dict[str, Any], as_json: bool) -> None:
    """Print a report whose values may be tables of their own."""
    if as_json:
        click.echo(json.dumps(report, ensure_ascii=False))
        return
    for name, figures in report.items():
        if isinstance(figures, dict):
            click.echo(name.replace("_", " "))
            tell(figures, as_json=False)
    tell(report, as_json=False)


json_option = click.option("--json", "as_json", is_flag=True, help="Print one JSON document, last.")


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--home", type=click.Path(path_type=Path), envvar="NIGHTDESK_HOME", default=Path("var"),
              show_default=True, help="Folder of all state.")  # fmt: skip
@click.option("--config", type=click.Path(path_type=Path), envvar="NIGHTDESK_CONFIG",
              default=HERE / "data" / "nightdesk.toml", help="The configuration file (TOML).")  # fmt: skip
@click.option("--set", "overrides", multiple=True, metavar="ROOM.KEY=VALUE", help="Override one configuration key.")
@click.version_option(package_name="nightdesk")
@click.pass_context
def cli(context: click.Context, home: Path, config: Path, overrides: tuple[str, ...]) -> None:
    """Nightdesk: a support assistant that learns from your own transcripts.

    \b
    nightdesk ingest exports/ articles/     read transcripts and help-centre articles
    nightdesk train                         learn intents, pick thresholds
    nightdesk serve                         the widget, the desk and the assistant
    """
    context.obj = Place.open(home, config, overrides)


@cli.command()
@click.argument("paths", nargs=-1, type=click.Path(path_type=Path))
@click.option("--trust", is_flag=True, help="Vouch for this source: its answers may be given to customers.")
@click.option("--rebuild", is_flag=True, help="Embed everything anew, for example after changing the encoder.")
@click.option("--remask", is_flag=True, help="Mask names and addresses again with the bundle's tagger.")
@click.option("--bare", is_flag=True, help="Also time the bare encoder on the same texts.")
@json_option
@click.pass_obj
def ingest(
    place: Place, paths: tuple[Path, ...], trust: bool, rebuild: bool, remask: bool, bare: bool, as_json: bool
) -> None:
    """Read transcripts (.jsonl, .jsonl.gz) and articles (.md, .html) into the corpus and the index.

    Resumable and idempotent: kill it at any point and run it again. Once a bundle has learnt names and addresses, what
    comes new is masked with it too, and --remask goes over what came before. Rows that cannot be read go to a
    quarantine file.

    \b
    Example: nightdesk ingest exports/2026-10.jsonl.gz help-centre/
    """
    from retrieval.ingest import ingest as run

    if not (paths or rebuild or remask):
        raise click.UsageError("give at least one file or folder, or --remask, or --rebuild")
    with one_sentence():
        report = run(
            paths, place.retrieval, place.home, bytes.fromhex(place.secrets()["corpus"]),
            trust=trust, rebuild=rebuild, remask=remask, bare=bare, progress=_progress(as_json),
        )  # fmt: skip
    tell(report.as_dict(), as_json)


@cli.command()
@click.option("--encoder", "how", flag_value="encoder", help="Tune the encoder again, on everything.")
@click.option("--heads", "how", flag_value="heads", help="Leave the encoder as it is: some minutes.")
@click.option("--other-heads", "how", flag_value="other-heads",
              help="Only what reads beside intents: names, moods, and whether passages support a draft.")  # fmt: skip
@click.option("--search", "trials", default=0, type=click.IntRange(0),
              help="Try so many recipes first and tune the encoder by the best; minutes each.")  # fmt: skip
@click.option("--curves", "kind", type=click.Choice(["none", "tensorboard", "wandb"]), default="none",
              help="Draw losses and held-out figures, under training/curves of the home.")  # fmt: skip
@click.option("--response", is_flag=True, help="Tune the response model too: minutes on a GPU, an hour without.")
@click.option("--response-only", is_flag=True, help="Tune the response model and nothing else.")
@json_option
@click.pass_obj
def train(
    place: Place, how: str | None, trials: int, kind: str, response: bool, response_only: bool, as_json: bool
) -> None:
    """Tune the encoder, fit the heads, pick thresholds, and publish a new bundle.

    The first time, the encoder is tuned on the labelled utterances and on the corpus (minutes; killed, it goes on where
    it was); afterwards only the heads are fitted anew, unless --encoder asks for more. The response model is tuned by
    flag alone, as [finetune] response says.

    \b
    Example: nightdesk train --json
    """
    from finetune.curves import curves_for
    from finetune.progress import line_on

    if trials and (how in ("heads", "other-heads") or response_only):
        raise click.UsageError(f"--search tunes the encoder; it does not go with --{how or 'response-only'}")
    told, report = None if as_json else line_on(sys.stderr), dict[str, Any]()
    with one_sentence(), contextlib.closing(curves_for(kind, place.home / "training" / "curves")) as curves:
        if not response_only:
            from finetune.learning import How
            from finetune.train import train as run

            key = bytes.fromhex(place.secrets()["corpus"])
            report = run(
                place.finetune, place.retrieval, place.home, master_key=key, told=told, trials=trials, curves=curves,
                how=How.ENCODER if trials else How(how or "auto"),
            )  # fmt: skip
        if response or response_only:
            from finetune.response.train import train_response

            model = "smollm2" if place.bot.model == "off" else place.bot.model
            report["response"] = train_response(
                place.finetune, place.retrieval, place.home, model=model, told=told, curves=curves
            )
    tell(report, as_json)


@cli.command()
@click.option("--composed", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE",
              help="Instead, draft an answer to every test question into FILE, ready to be labelled.")  # fmt: skip
@json_option
@click.pass_obj
def evaluate(place: Place, composed: Path | None, as_json: bool) -> None:
    """Measure the current bundle on the held-out files, which nothing was chosen on.

    \b
    Example: nightdesk evaluate --json
    """
    from finetune.composed import draft_answers, serving_writer
    from finetune.evaluate import evaluate as run

    if composed:
        with one_sentence():
            writer = serving_writer(place.bot, place.home)
            report = draft_answers(place.finetune, place.retrieval, place.bot, place.home, writer, composed)
            writer.close()
        tell_rows(report, as_json)
        return
    with one_sentence():
        report = run(place.finetune, place.retrieval, place.bot, place.home)
    tell(report, as_json)


@cli.command()
@click.option("--demo", is_flag=True, help="Prepare and serve the demo company.")
@click.pass_obj
def serve(place: Place, demo: bool) -> None:
    """Serve the assistant, the widget and the desk; restart whatever dies.

    \b
    Example: nightdesk serve
    """
    from web.supervisor import Command, supervise

    if demo:
        place = Place.open(place.home, place.config, [*place.overrides, "web.demo=true"])
    with one_sentence():
        place.secrets()
        tasks = prepare_demo(place) if demo else []
        bot_at, web_at = (f"http://{part.host}:{part.port}" for part in (place.bot, place.web))
        code = supervise(
            [
                Command("bot", place.command("bot"), f"{bot_at}/health"),
                Command("web", place.command("web"), f"{web_at}/health"),
                *(Command(name, argv, None) for name, argv in tasks),
            ]
        )
    sys.exit(code)


@cli.command("bot")
@click.pass_obj
def serve_bot(place: Place) -> None:
    """Run the action server alone (Rasa's action-server protocol, loopback by default).

    \b
    Example: nightdesk bot
    """
    from bot.server import run_server

    with one_sentence():
        run_server(place.bot, place.home, place.secrets() | place.shop_secret(), place.retrieval)


@cli.command("web")
@click.pass_obj
def serve_web(place: Place) -> None:
    """Run the web app alone: widget, desk and the queue of turns.

    \b
    Example: nightdesk web
    """
    from web.server import run_web

    with one_sentence():
        run_web(place.web, place.home, place.web_secrets())


@cli.group()
def desk() -> None:
    """Manage the desk where agents work."""


@desk.command("add-agent")
@click.argument("email")
@click.option("--name", prompt=True, help="The name customers see.")
@click.option("--password", prompt=True, hide_input=True, confirmation_prompt=True, help="Asked for when not given.")
@click.pass_obj
def add_agent(place: Place, email: str, name: str, password: str) -> None:
    """Add an agent, or give an existing one a new name and password.

    \b
    Example: nightdesk desk add-agent noor@example.com --name Noor
    """
    with one_sentence():
        let_in(place, email, name, password)
    click.echo(f"{email} can sign in at /desk")


def _decided_by() -> str:
    """Who decides, for the record: the name of the account on this machine."""
    import getpass

    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container's user without a name
        return "operator"


def _tell_cards(found: Sequence[Any], as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps({"cards": [card.as_dict() for card in found]}, ensure_ascii=False))
        return
    for card in found:
        given = f", last {card.last_at[:10]}" if card.last_at else ""
        click.echo(f"{card.id:>7}  {', '.join(card.states)}; {card.customers} customers{given}; {card.language}")
        click.echo(f"         Q  {' '.join(card.question.split())}")
        click.echo(f"         A  {' '.join(card.answer.split())}")
        if card.superseded_by is not None:
            newer = f"card {card.superseded_by}" if card.superseded_by_kind == "card" else "an article"
            click.echo(f"         →  {newer} says: {' '.join((card.superseded_by_text or '').split())}")
        if card.doubt:
            click.echo(f"         ?  {card.doubt}")
    click.echo(f"{len(found)} cards", err=True)


@cli.group(invoke_without_command=True)
@click.option("--approved", "states", flag_value="approved", multiple=True, help="Only those an agent approved.")
@click.option("--public", "states", flag_value="public", multiple=True, help="Only those customers see.")
@click.option("--hidden", "states", flag_value="hidden", multiple=True, help="Only those customers do not see.")
@click.option("--superseded", "states", flag_value="superseded", multiple=True,
              help="Only those that a later card or an article contradicts.")  # fmt: skip
@click.option("--doubtful", "states", flag_value="doubtful", multiple=True, help="Only those that may be out of date.")
@click.option("--withdrawn", "states", flag_value="withdrawn", multiple=True, help="Only those that were withdrawn.")
@click.option("--language", metavar="CODE", help="Only those in one language, for example zh.")
@click.option("--customers", default=0, show_default=True, help="Only those given to at least so many customers.")
@click.option("--containing", default="", metavar="WORDS", help="Only those with these words in question or answer.")
@json_option
@click.pass_context
def cards(
    context: click.Context,
    states: tuple[str, ...],
    language: str | None,
    customers: int,
    containing: str,
    as_json: bool,
) -> None:
    """List the answers that became cards, most customers first; or decide which of them customers may see.

    Several filters must all hold.

    \b
    Example: nightdesk cards --hidden --customers 3
    Example: nightdesk cards --doubtful
    """
    from retrieval.listing import list_cards

    if context.invoked_subcommand is not None:
        return
    place: Place = context.obj
    with one_sentence():
        found = list_cards(
            place.home, states=states, language=language, least_customers=customers, containing=containing
        )
    _tell_cards(found, as_json)


@cards.command("approve")
@click.argument("ids", nargs=-1, required=True, type=int, metavar="ID…")
@click.option("--anyway", is_flag=True, help="Also cards that are superseded: what superseded them is overruled.")
@json_option
@click.pass_obj
def cards_approve(place: Place, ids: tuple[int, ...], anyway: bool, as_json: bool) -> None:
    """Approve cards: customers may see them at once, however few they served.

    \b
    Example: nightdesk cards approve 271 277
    """
    from retrieval.approvals import approve

    with one_sentence():
        found = approve(place.home, bytes.fromhex(place.secrets()["corpus"]), ids, by=_decided_by(), anyway=anyway)
    _tell_cards(found, as_json)


@cards.command("withdraw")
@click.argument("ids", nargs=-1, required=True, type=int, metavar="ID…")
@json_option
@click.pass_obj
def cards_withdraw(place: Place, ids: tuple[int, ...], as_json: bool) -> None:
    """Withdraw cards: customers see them no more, however many they served, until they are approved again.

    \b
    Example: nightdesk cards withdraw 271
    """
    from retrieval.approvals import withdraw

    with one_sentence():
        found = withdraw(place.home, bytes.fromhex(place.secrets()["corpus"]), ids, by=_decided_by())
    _tell_cards(found, as_json)


@cards.command("export")
@click.argument("file", type=click.Path(path_type=Path))
@json_option
@click.pass_obj
def cards_export(place: Place, file: Path, as_json: bool) -> None:
    """Write the approved cards as JSON lines of question, answer and language.

    \b
    Example: nightdesk cards export approvals.jsonl
    """
    from retrieval.approvals import export_approvals

    with one_sentence():
        written = export_approvals(place.home, file)
    tell({"written": written, "file": str(file)}, as_json)


@cards.command("import")
@click.argument("file", type=click.Path(path_type=Path))
@json_option
@click.pass_obj
def cards_import(place: Place, file: Path, as_json: bool) -> None:
    """Approve the cards whose answers stand in a file of JSON lines; name the lines that match none.

    \b
    Example: nightdesk cards import approvals.jsonl
    """
    from retrieval.approvals import import_approvals

    with one_sentence():
        report = import_approvals(place.home, bytes.fromhex(place.secrets()["corpus"]), file, by=_decided_by())
    if not as_json:
        for line in report.unmatched:
            click.echo(f"  {line}", err=True)
    tell(report.as_dict(), as_json)


@cli.command()
@click.option("--mend", is_flag=True, help="Fetch and convert what is missing.")
@click.option("--quiet", is_flag=True, help="Say only what is wrong.")
@json_option
@click.pass_obj
def doctor(place: Place, mend: bool, quiet: bool, as_json: bool) -> None:
    """Say what is missing or broken, and how to mend it.

    \b
    Example: nightdesk doctor --mend
    """
    import bot.health
    import retrieval.health
    import web.health

    with one_sentence():
        if mend:
            retrieval.health.mend(place.home, place.retrieval)
            bot.health.mend(place.home, place.bot)
        rows: list[Any] = [
            *retrieval.health.check(place.home, place.retrieval),
            *bot.health.check(place.home, place.bot, place.shop_secret().get("back_office", "")),
            *web.health.check(place.home, place.web),
        ]
    broken = [row for row in rows if not row.ok]
    if as_json:
        click.echo(json.dumps({"checks": [{"what": r.what, "ok": r.ok, "mend": r.mend} for r in rows]}))
    elif not (mend and quiet):  # what cannot be fetched is no news to `make setup`
        for row in broken if quiet else rows:
            click.echo(f"{'ok  ' if row.ok else 'FAIL'}  {row.what}" + ("" if row.ok else f"\n      → {row.mend}"))
    sys.exit(1 if broken and not (mend and quiet) else 0)


@cli.group("import")
def import_group() -> None:
    """Bring along what another assistant's files hold."""


@import_group.command("rasa")
@click.argument("path", type=click.Path(path_type=Path))
@click.option("--to", type=click.Path(path_type=Path), default=Path("data/imported"), show_default=True,
              help="Folder to write into.")  # fmt: skip
@click.option("--force", is_flag=True, help="Overwrite what an earlier import wrote there.")
@json_option
def import_rasa(path: Path, to: Path, force: bool, as_json: bool) -> None:
    """Read a Rasa 2.x or 3.x assistant into intents, utterances and responses, and say what could not be taken.

    \b
    Example: nightdesk import rasa my-assistant/ --to data/mine
    """
    from bot.actions.registry import ACTIONS
    from finetune.rasa_import import import_rasa as run

    with one_sentence():
        report = run(path, to, force=force, known_actions=frozenset(ACTIONS))
    if as_json:
        click.echo(json.dumps(report.as_dict(), ensure_ascii=False))
        return
    tell(report.counts, as_json=False)
    for found in report.findings:
        click.echo(f"  {found.level.value:<9} {found.place}  {found.what}: {found.why}")
    click.echo("\n".join(f"  {number}. {step}" for number, step in enumerate(report.next_steps, start=1)))


@cli.group()
def bench() -> None:
    """Measure this machine: ratios within one run are what to trust."""


@bench.command("turns")
@click.option("--clients", default="1,8,32", show_default=True, help="Numbers of concurrent customers, by comma.")
@click.option("--seconds", default=20.0, show_default=True, help="Measured time for each number of clients.")
@json_option
@click.pass_obj
def bench_turns(place: Place, clients: str, seconds: float, as_json: bool) -> None:
    """Drive whole durable turns through a service of its own in a scratch home.

    \b
    Example: nightdesk bench turns --clients 1,8,32 --json
    """
    import tempfile

    from web.bench import Bench, BenchError
    from web.bench import bench_turns as run

    counts = [int(part) for part in clients.split(",") if part.strip().isdigit() and int(part) > 0]
    if not counts or len(counts) != clients.count(",") + 1:
        raise click.BadParameter(f"{clients!r} should be numbers above 0 with commas, for example 1,8,32")
    generous = dict.fromkeys(("web.messages_per_minute", "web.messages_burst", "web.visitors_burst"), 10**6)
    with tempfile.TemporaryDirectory(prefix="nightdesk-bench-") as scratch, one_sentence():
        own = scratch_place(place, Path(scratch) / "home", generous)
        prepare_demo(own)
        bench = Bench(
            serve=own.command("serve"),
            base_url=f"http://127.0.0.1:{own.web.port}",
            scratch=Path(scratch) / "run",
            questions=bench_questions(),
            email=demo_agent(own)["email"],
            password=demo_agent(own)["password"],
            database=own.home / "nightdesk.db",
        )
        say = None if as_json else lambda line: click.echo(line, err=True)
        try:
            report = run(bench, counts, seconds=seconds, progress=say)
        except BenchError as error:
            raise Failure(str(error)) from error
    if as_json:
        click.echo(json.dumps(report))
    else:
        for count, figures in report["clients"].items():
            click.echo(f"{count} clients")
            tell(figures, as_json=False)


@bench.command("recommend")
@click.option("--ratings", required=True, type=click.Path(path_type=Path), help="CSV or .csv.gz: user,item,rating,at.")
@json_option
def bench_recommend(ratings: Path, as_json: bool) -> None:
    """Rank each user's last item among all items: ours, the most popular, item-kNN.

    \b
    Example: nightdesk bench recommend --ratings ratings.csv.gz --json
    """
    from bot.recommend.bench import bench_recommend as run

    with one_sentence():
        report = run(ratings)
    tell_rows(report, as_json)


@bench.command("intents")
@click.option("--train", required=True, type=click.Path(path_type=Path), help="CSV with the header text,intent.")
@click.option("--test", required=True, type=click.Path(path_type=Path), help="The same; opened once, at the end.")
@click.option("--oos", type=click.Path(path_type=Path), help="CSV of texts outside all intents; header text.")
@click.option("--seeds", default=1, show_default=True, type=click.IntRange(1), help="Runs whose mean is reported.")
@json_option
@click.pass_obj
def bench_intents(place: Place, train: Path, test: Path, oos: Path | None, seeds: int, as_json: bool) -> None:
    """Tune an encoder and its intent head on one file of labelled utterances, and measure them on another.

    \b
    Example: nightdesk bench intents --train train.csv --test test.csv --seeds 3 --json
    """
    from finetune.bench.intents import bench_intents as run
    from finetune.progress import line_on

    with one_sentence():
        report = run(base_encoder(place), train, test, oos, seeds=seeds, told=None if as_json else line_on(sys.stderr))
    tell_rows(report, as_json)


@bench.command("entities")
@click.option("--train", required=True, type=click.Path(path_type=Path),
              help="CoNLL columns (.gz too): a token first, its tag last.")  # fmt: skip
@click.option("--dev", type=click.Path(path_type=Path), help="The same, to choose on; else a tenth of --train.")
@click.option("--test", required=True, type=click.Path(path_type=Path), help="The same; opened once, at the end.")
@click.option("--seeds", default=1, show_default=True, type=click.IntRange(1), help="Runs whose mean is reported.")
@click.option("--light", is_flag=True, help="Over the encoder as it is, like the tagger of a bundle.")
@json_option
@click.pass_obj
def bench_entities(
    place: Place, train: Path, dev: Path | None, test: Path, seeds: int, light: bool, as_json: bool
) -> None:
    """Learn to find entities from one file of tagged sentences, and measure that on another.

    \b
    Example: nightdesk bench entities --train train.conll --dev dev.conll --test test.conll --seeds 3 --json
    """
    from finetune.bench.entities import bench_entities as run
    from finetune.progress import line_on

    with one_sentence():
        report = run(
            base_encoder(place), train, dev, test, seeds=seeds, light=light,
            told=None if as_json else line_on(sys.stderr),
        )  # fmt: skip
    tell_rows(report, as_json)


@bench.command("sentiment")
@click.option("--train", required=True, type=click.Path(path_type=Path), help="CSV(.gz) with the header text,label.")
@click.option("--test", type=click.Path(path_type=Path), help="The same; opened once, at the end.")
@click.option("--folds", type=click.IntRange(2), help="Instead of a test file: cross-validate on the training file.")
@json_option
@click.pass_obj
def bench_sentiment(place: Place, train: Path, test: Path | None, folds: int | None, as_json: bool) -> None:
    """Learn from labelled texts how they sound, and measure that on others, against TF-IDF in the same run.

    \b
    Example: nightdesk bench sentiment --train train.csv --test test.csv --json
    """
    from finetune.bench.sentiment import bench_sentiment as run
    from finetune.progress import line_on

    if (test is None) == (folds is None):
        raise click.UsageError("give either --test or --folds")
    say = None if as_json else line_on(sys.stderr, what="reading")
    with one_sentence():
        report = run(base_encoder(place), train, test, folds=folds, told=say)
    tell_rows(report if as_json else report | report["baseline"], as_json)


@bench.command("masking")
@click.option("--data", required=True, type=click.Path(path_type=Path),
              help="JSON(.gz): [{full_text, spans: [{entity_type, start_position, end_position}]}].")  # fmt: skip
@json_option
@click.pass_obj
def bench_masking(place: Place, data: Path, as_json: bool) -> None:
    """Say how much marked personal data masking finds: rules alone, and with the tagger of the current bundle.

    \b
    Example: nightdesk bench masking --data marked.json.gz --json
    """
    from retrieval.masking import Masker
    from retrieval.masking_bench import bench_masking as run
    from retrieval.remask import current_tagger

    with one_sentence():
        report = run(data, Masker.from_settings(place.retrieval), current_tagger(place.home))
    tell_rows(report, as_json)


@bench.command("retrieval")
@click.option("--bench", "selection", required=True, type=click.Path(path_type=Path),
              help="JSON(.gz): {pool, queries: [{id, query, cand, gold}]}.")  # fmt: skip
@click.option("--train", type=click.Path(path_type=Path), help="Transcripts to tune on (.jsonl, .jsonl.gz).")
@click.option("--exclude-last", default=0, show_default=True, type=click.IntRange(0),
              help="Threads at the end of the transcripts to leave out.")  # fmt: skip
@json_option
@click.pass_obj
def bench_retrieval(place: Place, selection: Path, train: Path | None, exclude_last: int, as_json: bool) -> None:
    """Choose the right reply among candidates: tuned on transcripts, untuned, and by words.

    \b
    Example: nightdesk bench retrieval --bench dev.json.gz --train transcripts.jsonl.gz --exclude-last 2500 --json
    """
    from finetune.bench.retrieval import bench_retrieval as run
    from finetune.progress import line_on

    with one_sentence():
        report = run(
            base_encoder(place), selection, train, exclude_last=exclude_last, retrieval=place.retrieval,
            told=None if as_json else line_on(sys.stderr),
        )  # fmt: skip
    tell_rows(report, as_json)


@bench.command("dialogue")
@click.option("--train", required=True, type=click.Path(path_type=Path),
              help="Dialogues with labelled actions, STAR's JSON lines (.jsonl, .jsonl.gz).")  # fmt: skip
@click.option("--test", type=click.Path(path_type=Path), help="The same; opened once, at the end.")
@click.option("--test-share", default=0.2, show_default=True, type=click.FloatRange(0, 1, True, True),
              help="Without --test: the share of the dialogues that is kept back for it.")  # fmt: skip
@click.option("--seeds", default=1, show_default=True, type=click.IntRange(1), help="Runs whose mean is reported.")
@json_option
@click.pass_obj
def bench_dialogue(place: Place, train: Path, test: Path | None, test_share: float, seeds: int, as_json: bool) -> None:
    """Foretell the agent's next action in a conversation, and when no action fits.

    \b
    Example: nightdesk bench dialogue --train dialogues.jsonl.gz --test-share 0.2 --json
    """
    from finetune.bench.dialogue import bench_dialogue as run
    from finetune.progress import line_on

    with one_sentence():
        report = run(
            base_encoder(place), train, test, test_share=test_share, seeds=seeds,
            told=None if as_json else line_on(sys.stderr),
        )  # fmt: skip
    tell_rows(report, as_json)


@bench.command("ablation")
@click.option("--train", required=True, type=click.Path(path_type=Path), help="CSV with the header text,intent.")
@click.option("--others", type=click.Path(path_type=Path),
              help="The same: judge on its rows that are not in --train, instead of on a share.")  # fmt: skip
@click.option("--rows", default=1500, show_default=True, type=click.IntRange(1), help="Rows drawn from --others.")
@click.option("--test-share", default=0.2, show_default=True, type=click.FloatRange(0.01, 0.9),
              help="Share of --train to judge on, without --others.")  # fmt: skip
@click.option("--epochs", type=click.IntRange(1), help="Epochs of every run; by default the recipe's.")
@click.option("--seeds", default=1, show_default=True, type=click.IntRange(1), help="Runs whose mean is reported.")
@click.option("--options", help="Which options, by comma; by default all.")
@click.option("--keep", type=click.Path(path_type=Path), help="Folder of finished runs: a second call adds new ones.")
@json_option
@click.pass_obj
def bench_ablation(
    place: Place, train: Path, others: Path | None, rows: int, test_share: float, epochs: int | None, seeds: int,
    options: str | None, keep: Path | None, as_json: bool,
) -> None:  # fmt: skip
    """Say what each option of tuning the encoder gains, in points, and what it costs.

    \b
    Example: nightdesk bench ablation --train few.csv --others all.csv --seeds 3 --keep runs --json
    """
    from dataclasses import replace

    from finetune.bench.ablation import OPTIONS
    from finetune.bench.ablation import bench_ablation as run
    from finetune.encoder.recipe import Recipe
    from finetune.progress import line_on

    recipe = Recipe() if epochs is None else replace(Recipe(), epochs=epochs)
    chosen = tuple(part.strip() for part in options.split(",")) if options else tuple(OPTIONS)
    with one_sentence():
        report = run(
            base_encoder(place), train, others=others, rows=rows, test_share=test_share, seeds=seeds, recipe=recipe,
            options=chosen, keep=keep, told=lambda what: None if as_json else line_on(sys.stderr, what=what),
        )  # fmt: skip
    tell_rows(report, as_json)


@bench.command("model")
@json_option
@click.pass_obj
def bench_model(place: Place, as_json: bool) -> None:
    """Measure every engine that can decode the response model here, and let the fastest that keeps answers equal serve.

    \b
    Example: nightdesk bench model --json
    """
    from bot.engines.weights import weights_that_serve
    from finetune.bench.model import bench_model as run

    with one_sentence():
        weights = weights_that_serve(place.home)
        report = run(
            weights, threads=place.bot.model_threads, least_agreement=place.bot.model_agreement,
            told=lambda line: None if as_json else click.echo(line, err=True),
        )  # fmt: skip
    tell_rows({**report.pop("backends"), **report} if not as_json else report, as_json)


def base_encoder(place: Place) -> Path:
    """The folder of the configured encoder's weights; what is missing is a Failure that says how to fetch it."""
    from retrieval.weights import resolve_encoder

    return resolve_encoder(place.retrieval.encoder, place.home / "weights", say=lambda line: click.echo(line, err=True))


def bench_questions() -> list[str]:
    """What the demo's customers ask: labelled utterances other than greetings and thanks."""
    import csv

    with (DEMO / "utterances.csv").open(encoding="utf-8", newline="") as file:
        return [
            row["text"] for row in csv.DictReader(file) if row["intent"] not in ("greet", "thanks", "talk_to_person")
        ]


def scratch_place(place: Place, home: Path, overrides: dict[str, Any]) -> Place:
    """A place of its own for one measurement: an empty home that borrows the weights, and two free ports."""
    home.mkdir(parents=True)
    weights = place.home / "weights"
    if weights.exists():
        (home / "weights").symlink_to(weights)
    ports = {"web.port": free_port(), "bot.port": free_port()}
    sets = [f"{key}={json.dumps(value)}" for key, value in {**ports, **overrides}.items()]
    return Place.open(home, place.config, [*place.overrides, *sets])


def free_port() -> int:
    """A port nobody listens on right now."""
    import socket

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def prepare_demo(place: Place) -> list[tuple[str, list[str]]]:
    """Ingest and train the demo company where that has not been done, and make sure of an agent for its desk.

    Before it answers, only what answers is learnt. Returns what is left to learn while it serves, by name and argv.
    """
    if not (place.home / "models" / "current").exists():
        from finetune.train import train as run_train
        from retrieval.approvals import import_approvals
        from retrieval.ingest import ingest as run_ingest

        click.echo("Preparing the demo company (once)…", err=True)
        key = bytes.fromhex(place.secrets()["corpus"])
        sources = [DEMO / "articles", DEMO / "transcripts.jsonl"]
        run_ingest(sources, place.retrieval, place.home, key, progress=_progress(False))
        import_approvals(place.home, key, DEMO / "approvals.jsonl", by="the demo")
        run_train(place.finetune.without_heads(), place.retrieval, place.home)
        take_demo_adapter(place)
    agent = demo_agent(place)
    at = f"http://{place.web.host}:{place.web.port}"
    click.echo(f"\n  Shop  {at}/\n  Desk  {at}/desk   {agent['email']}   {agent['password']}\n", err=True)
    from finetune.parts import are_there

    if are_there(place.finetune, place.home):
        return []
    click.echo("It answers in a moment; names, moods and drafts are learnt meanwhile (a few minutes).\n", err=True)
    return [("heads", ["nice", "-n", "10", *place.command("train", "--other-heads")])]


def take_demo_adapter(place: Place) -> None:
    """Let the demo's drafts be written by the adapter that ships with it, if it fits the weights there are."""
    from bot.errors import ModelError
    from bot.response_weights import is_there
    from finetune.response.shipped import take_shipped

    if place.bot.model == "off" or not is_there(place.home):
        return
    try:
        take_shipped(DEMO.parent / "adapters" / "demo", place.home)
    except ModelError as error:
        click.echo(f"The demo's drafts are written without the adapter that ships with it: {error}", err=True)


def demo_agent(place: Place) -> dict[str, str]:
    """The demo desk's agent; the password is random, made once and kept 0600 beside the other secrets."""
    path = place.home / "demo-agent.json"
    if not path.exists():
        noor = {"email": "noor@mossgrove.example", "name": "Noor", "password": random_secrets.token_urlsafe(9)}
        write_private(path, json.dumps(noor))
    agent: dict[str, str] = json.loads(path.read_text(encoding="utf-8"))
    let_in(place, **agent)  # at every start: the database may be newer than the file
    return agent


def let_in(place: Place, email: str, name: str, password: str) -> None:
    """Add an agent to the desk's database, making the database first where there is none."""
    from web.agents import add_agent as run
    from web.migrations import migrate

    url = place.web.url(place.home)
    place.home.mkdir(parents=True, exist_ok=True)
    migrate(url)
    run(url, email, name, password)


def _progress(quiet: bool) -> Any:
    """A progress callback for `ingest`: a bar on a terminal, nothing elsewhere."""
    return None if quiet or not sys.stderr.isatty() else "bar"


def main() -> None:
    """The entry point: settle the threads before any numerical library loads, then run the command."""
    for name, value in QUIET_THREADS.items():
        os.environ.setdefault(name, value)
    cli()


if __name__ == "__main__":
    main()
