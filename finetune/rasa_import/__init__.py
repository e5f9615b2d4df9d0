"""Rasa import: an existing Rasa 2.x or 3.x assistant in, the labelled files Nightdesk trains on out.

In: a folder (or one file) of Rasa's YAML: training examples, domain, responses, rules, stories, configuration. Out:
intents.toml, utterances.csv, out_of_scope.csv, entities.conll, entities.json, a configuration that names them, and a
report of everything that could not be taken, each with file and line. It reads YAML only; it runs nothing of the
assistant, neither its actions nor its pipeline.
"""

from __future__ import annotations

from finetune.rasa_import.command import import_rasa
from finetune.rasa_import.errors import ImportFailed
from finetune.rasa_import.findings import Finding, Level
from finetune.rasa_import.report import ImportReport, table

__all__ = ["Finding", "ImportFailed", "ImportReport", "Level", "import_rasa", "table"]
