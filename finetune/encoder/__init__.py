"""Fine-tune a sentence encoder for intents and for questions and their answers at once.

In: a model folder, labelled utterances, question and answer pairs. Out: a model folder of the same shape, which
retrieval loads like any other. Torch and transformers are imported where they are used, never at the front door.
"""

from __future__ import annotations

from finetune.encoder.recipe import Recipe

__all__ = ["Recipe"]
