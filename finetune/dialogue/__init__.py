"""Learn, from conversations in which agents took labelled actions, which action comes next.

In: dialogues, each a list of what was said, done and found. Out: probabilities over the actions for each point at
which the agent acted, and a score for "none of our actions fits". Nothing here drives the assistant: a company whose
transcripts carry no action labels has nothing to learn from. Torch and sklearn are imported where they are used.
"""

from __future__ import annotations
