"""Points at which a test holds a turn."""

from __future__ import annotations

import asyncio
from pathlib import Path

from bot.points import points_in


def test_without_a_folder_a_point_is_nothing() -> None:
    asyncio.run(points_in("")("bot.read"))


def test_an_unarmed_point_is_passed(tmp_path: Path) -> None:
    asyncio.run(asyncio.wait_for(points_in(str(tmp_path))("bot.read"), 1))
    assert list(tmp_path.iterdir()) == []


def test_an_armed_point_holds_one_turn_until_its_hit_is_removed(tmp_path: Path) -> None:
    point = points_in(str(tmp_path))
    (tmp_path / "bot.read.arm").touch()

    async def run() -> list[bool]:
        turns = [asyncio.create_task(point("bot.read")) for _ in range(3)]  # type: ignore[arg-type]
        await asyncio.sleep(0.1)
        held = [not turn.done() for turn in turns]
        assert (tmp_path / "bot.read.hit").exists()
        assert not (tmp_path / "bot.read.arm").exists()
        (tmp_path / "bot.read.hit").unlink()
        await asyncio.wait_for(asyncio.gather(*turns), 1)
        return held

    assert sum(asyncio.run(run())) == 1
