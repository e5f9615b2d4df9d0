"""The only tests that need a card; each skips itself, and says why, where there is none."""

from __future__ import annotations

from pathlib import Path

import pytest

HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.gpu)


@pytest.fixture(autouse=True)
def card() -> None:
    """Skips without CUDA or without bitsandbytes for it."""
    import torch

    if not torch.cuda.is_available():
        pytest.skip("no CUDA device is here")
    pytest.importorskip("bitsandbytes")
