"""Run the web room: gunicorn with gevent workers, the turn workers as greenlets inside."""

from __future__ import annotations

from gevent import monkey

if not monkey.is_module_patched("socket"):
    # Whoever imports this module is about to become the server. Everything below must meet patched sockets and
    # locks: a module that took `socket.socket` first would block every stream of the process.
    monkey.patch_all()

import contextlib
import resource
from pathlib import Path
from typing import Any

import gevent
from flask import Flask
from gunicorn.app.base import BaseApplication
from gunicorn.glogging import Logger
from sqlalchemy import make_url
from sqlalchemy.exc import SQLAlchemyError

from web import logs
from web.app import create_app
from web.errors import SetupError
from web.migrations import migrate
from web.settings import Secrets, Settings

_CONNECTIONS = 20_000
_GRACE_S = 3  # streams end at once and messages take milliseconds; a supervisor waits longer than this


def run_web(settings: Settings, home: Path, secrets: Secrets) -> None:
    """Serve until SIGTERM or SIGINT. Raises SetupError if the database cannot be opened or brought up to date.

    Exits the process as gunicorn does: 0 after a clean stop, 1 if the address is taken.
    """
    logs.configure()
    _allow_many_files()
    shown = make_url(settings.url(home)).render_as_string(hide_password=True)
    try:
        home.mkdir(parents=True, exist_ok=True)
        migrate(settings.url(home))
    except (SQLAlchemyError, OSError, ImportError) as failure:
        raise SetupError(
            f"the database {shown} cannot be opened ({type(failure).__name__}); "
            "see `database_url` in [web], who may write there, and whether its driver is installed"
        ) from failure
    _Server(settings, home, secrets).run()


class _Server(BaseApplication):  # type: ignore[misc]
    """gunicorn, told everything by us and nothing by a command line or a file."""

    def __init__(self, settings: Settings, home: Path, secrets: Secrets) -> None:
        self._settings, self._home, self._secrets = settings, home, secrets
        super().__init__()

    def load_config(self) -> None:
        settings = self._settings
        for name, value in {
            "bind": f"{settings.host}:{settings.port}",
            "workers": settings.workers,
            "worker_class": "gevent",
            "worker_connections": _CONNECTIONS,
            "keepalive": 75,
            "timeout": 60,
            "graceful_timeout": _GRACE_S,
            "accesslog": None,
            "logger_class": _Log,
            "proc_name": "nightdesk-web",
            "control_socket_disable": True,
            "post_worker_init": _begin,
        }.items():
            if name in self.cfg.settings:
                self.cfg.set(name, value)

    def load(self) -> Flask:
        return create_app(self._settings, self._home, self._secrets)


class _Log(Logger):  # type: ignore[misc]
    """gunicorn's own lines, in our form."""

    def setup(self, cfg: Any) -> None:
        super().setup(cfg)
        for handler in self.error_log.handlers:
            handler.setFormatter(logs.JsonLines())


def _begin(worker: Any) -> None:
    """Start the turns of a worker process, and end its streams as soon as it is told to stop."""
    service = worker.app.callable.extensions["nightdesk"]
    service.start()

    def watch() -> None:
        while worker.alive:
            gevent.sleep(0.1)
        service.stop()

    gevent.spawn(watch)


def _allow_many_files() -> None:
    """Every open stream is a file; take as many as the system lets us."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = _CONNECTIONS + 1000
    wanted = most if hard == resource.RLIM_INFINITY else min(most, hard)
    if wanted > soft:
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
