"""Serve the web room by hand against the fake assistant: `python tests/web/run_dev.py [port] [home]`.

The desk's login is ada@mossgrove.example with the password `a long password`.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

SECRETS = {name: name[0] * 40 for name in ("session", "visitor", "identity", "shop", "bot")}


def main() -> None:
    port = int(sys.argv[1]) if len(sys.argv) > 1 else 8000
    home = Path(sys.argv[2] if len(sys.argv) > 2 else tempfile.mkdtemp(prefix="nightdesk-dev-"))
    bot_port = port + 1
    bot = subprocess.Popen([sys.executable, __file__, "--bot", str(bot_port)])
    try:
        from web import server  # first, before anything takes a socket
        from web.agents import add_agent
        from web.migrations import migrate
        from web.settings import Secrets, Settings

        settings = Settings(
            port=port,
            bot_url=f"http://127.0.0.1:{bot_port}",
            demo=True,
            messages_per_minute=1e6,
            messages_burst=100_000,
            visitors_per_minute=1e6,
            visitors_burst=100_000,
        )
        migrate(settings.url(home))
        add_agent(settings.url(home), "ada@mossgrove.example", "Ada", "a long password")
        print(f"http://127.0.0.1:{port}, home {home}, assistant on {bot_port}", file=sys.stderr)
        server.run_web(settings, home, Secrets.model_validate(SECRETS))
    finally:
        bot.terminate()


def serve_bot(port: int) -> None:
    import threading

    from web_fakes import FakeBot

    FakeBot(secret=SECRETS["bot"], port=port)
    threading.Event().wait()


if __name__ == "__main__":
    if sys.argv[1:2] == ["--bot"]:
        serve_bot(int(sys.argv[2]))
    else:
        main()
