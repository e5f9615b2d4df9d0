"""What can go wrong as a whole while importing; what can go wrong with a part is a Finding.

FinetuneError
└── ImportFailed   nothing to import, or files in the way
"""

from __future__ import annotations

from finetune.errors import FinetuneError


class ImportFailed(FinetuneError):
    """There is nothing to import, or the output folder holds files that would be overwritten."""
