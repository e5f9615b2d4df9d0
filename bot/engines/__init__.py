"""What runs the response model: one file an engine, behind one small protocol, and a router that picks one.

Weights and token ids in, the tokens that greedily follow or their logits out. Knows nothing of chat, deadlines or
customers. `measure` says how fast each engine is on this machine and how often it agrees with float32; `router` keeps
what was measured and picks the fastest that keeps answers equal.
"""

from __future__ import annotations

from bot.engines.engine import CPU_DEFAULT, NAMES, Engine, are_here, open_engine

__all__ = ["CPU_DEFAULT", "NAMES", "Engine", "are_here", "open_engine"]
