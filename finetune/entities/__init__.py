"""Learn to find entities: sentences whose words carry IOB2 tags in, a tagger that retrieval can apply out.

Two ways to the same kind of head: over the states of the serving encoder, which costs a turn next to nothing, or over a
body that is tuned for it. Torch is imported by the modules that train, never here.
"""

from __future__ import annotations

from finetune.entities.conll import Sentence, read_conll
from finetune.entities.recipe import TaggerRecipe

__all__ = ["Sentence", "TaggerRecipe", "read_conll"]
