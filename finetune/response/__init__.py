"""Fine-tune the response model: a causal language model learns to answer from the passages it is given.

In: a folder of base weights, the corpus, the bundle's search. Out: an adapter in peft's own format with the fingerprint
of the base it belongs to. The prompt is `bot.prompts.draft_prompt`, so that what is learnt is what is served. Torch,
peft and accelerate are imported where they are used, never at the front door.
"""

from __future__ import annotations

from finetune.response.recipe import METHODS, ResponseRecipe

__all__ = ["METHODS", "ResponseRecipe"]
