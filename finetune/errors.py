"""What can go wrong while training or evaluating.

FinetuneError
├── BadLabels      a labelled file that cannot be read or is too small to learn from
├── BadRecipe      a recipe, or a choice beside it, that training does not know
├── ImportFailed   another assistant's files hold nothing that could be taken (finetune/rasa_import/errors.py)
├── LibraryMissing an option whose library is not installed
└── NothingToServe no bundle to train onto: ingest first
"""

from __future__ import annotations


class FinetuneError(Exception):
    """Base of all errors of this room; its message is one clear sentence for the operator."""


class BadLabels(FinetuneError):
    """A labelled file cannot be read, or holds too little to learn from."""


class BadRecipe(FinetuneError):
    """A recipe names what training does not know, or a number outside its range."""


class LibraryMissing(FinetuneError):
    """An option was asked for whose library is not installed."""


class NothingToServe(FinetuneError):
    """There is no current bundle to add a head to."""
