"""The action server as it is, with a bundle that hashes words: `light_bot.py HOME PORT POINTS SEED`.

Server, policy, actions, points and back office are the product's own. Only the model is a stand-in, because a kill
test starts this process a dozen times and loading torch each time would prove nothing more.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "bot"))

from bot_fakes import FakeKnowledge

from bot import server
from bot.backoffice.sample import FILE, SampleBackOffice
from bot.backoffice.terms import load_terms
from bot.points import points_in
from bot.reader import Reader
from bot.services import Services
from bot.settings import Secrets, Settings


class LightStart:
    """What the server asks of `bot.start.Start`."""

    def __init__(self, home: Path, port: int, points: str, seed: Path) -> None:
        secrets = json.loads((home / "secrets.json").read_text())
        self.settings = Settings(port=port, model="off", points_dir=points, backoffice_seed=seed)
        knowledge = FakeKnowledge()
        terms = load_terms(Path(__file__).resolve().parents[2] / "data" / "demo" / "terms.toml")
        self.services = Services(
            self.settings,
            Secrets(secrets["bot"], secrets["identity"]),
            Reader(lambda: knowledge, self.settings.top_k, self.settings.max_batch),
            SampleBackOffice(home / FILE, seed, terms),
            point=points_in(points),
            terms=terms,
        )

    def begin(self) -> None:
        self.services.reader.start()

    async def ready(self) -> None:
        """There is nothing to wait for."""

    def end(self) -> None:
        self.services.reader.stop()

    def health(self) -> Mapping[str, Any]:
        return {"status": "ok", "bundle": "0001-fake"}


def main() -> None:
    home, port, points, seed = sys.argv[1:]
    start = LightStart(Path(home), int(port), points, Path(seed))
    asyncio.run(server._serve(start, start.settings))


main()
