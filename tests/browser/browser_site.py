"""Serve the web room for the browser tests: `python tests/browser/browser_site.py PORT BOT_URL HOME`."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

EMAIL, NAME, PASSWORD = "ines@mossgrove.example", "Ines", "a lamp in the window"


def main(port: int, bot_url: str, home: Path) -> None:
    from web import server  # first, before anything takes a socket
    from web.agents import add_agent
    from web.migrations import migrate
    from web.settings import Secrets, Settings

    settings = Settings(
        port=port,
        bot_url=bot_url,
        demo=True,
        turn_deadline_s=40,
        messages_per_minute=1e6,
        messages_burst=100_000,
        visitors_per_minute=1e6,
        visitors_burst=100_000,
        logins_burst=10_000,
    )
    migrate(settings.url(home))
    add_agent(settings.url(home), EMAIL, NAME, PASSWORD)
    secrets = {name: name[0] * 40 for name in ("session", "visitor", "identity", "shop", "bot")}
    server.run_web(settings, home, Secrets.model_validate(secrets))


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2], Path(sys.argv[3]))
