"""Web: people's doors to the assistant: the customers' widget, the agents' desk, and everything that must not be lost.

HTTP comes in; HTML, JSON and server-sent events go out. It owns conversations, messages, turns and who has them, in
its own database, and speaks to the assistant over HTTP in Rasa's words only. It refuses to know torch, FAISS,
transformers, and the other rooms.

`run_web` serves until told to stop; `create_app` is the Flask application alone; `migrate` brings a database up to
date; `add_agent` lets a person into the desk; `check` says what is missing. Each is imported when it is first asked
for, because `web.server` must patch sockets and locks before anything else takes them.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from web.errors import SetupError
from web.settings import Secrets, Settings

if TYPE_CHECKING:
    from web.agents import add_agent
    from web.app import create_app
    from web.health import check
    from web.migrations import migrate
    from web.server import run_web

__all__ = ["Secrets", "Settings", "SetupError", "add_agent", "check", "create_app", "migrate", "run_web"]

_HOMES = {
    "add_agent": "web.agents",
    "check": "web.health",
    "create_app": "web.app",
    "migrate": "web.migrations",
    "run_web": "web.server",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'web' has no attribute '{name}'")
    return getattr(import_module(_HOMES[name]), name)
