"""Names for new rows that nobody can guess."""

from __future__ import annotations

import secrets


def new_id(prefix: str) -> str:
    """Return `prefix_` and 80 random bits in hexadecimal."""
    return f"{prefix}_{secrets.token_hex(10)}"
