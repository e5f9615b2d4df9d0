"""What can go wrong in retrieval; every message names the value, the place and what would be accepted.

RetrievalError
├── BadInput            a path, suffix or folder the operator gave cannot be ingested
├── Busy                another process holds the lock of this home
├── WeightsError        base weights are missing, cannot be fetched, or are not the pinned file
├── EncoderError        a model folder cannot be loaded safely as an encoder
├── TaggerError         a tagger is damaged, or belongs to another encoder
├── CorpusError         corpus.db cannot be read, or is newer than this program
│   └── WrongKey        the master key does not open what is stored
└── BundleError
    ├── NoBundle        nothing has been published yet
    ├── BundleDamaged   a file is missing, or not what the manifest says
    └── BundleMismatch  the parts of a bundle do not belong together
"""

from __future__ import annotations


class RetrievalError(Exception):
    """Base of everything this room raises on purpose."""


class BadInput(RetrievalError):
    """A path, suffix or folder the operator gave cannot be ingested."""


class Busy(RetrievalError):
    """Another process holds the lock of this home."""


class WeightsError(RetrievalError):
    """Base weights are missing, cannot be fetched, or are not the pinned file."""


class EncoderError(RetrievalError):
    """A model folder cannot be loaded safely as an encoder."""


class TaggerError(RetrievalError):
    """A tagger is damaged, or belongs to another encoder."""


class CorpusError(RetrievalError):
    """corpus.db cannot be read, or is newer than this program."""


class WrongKey(CorpusError):
    """The master key does not open what is stored."""


class BundleError(RetrievalError):
    """A bundle cannot be written or served."""


class NoBundle(BundleError):
    """Nothing has been published yet."""


class BundleDamaged(BundleError):
    """A file of the bundle is missing, or not what the manifest says."""


class BundleMismatch(BundleError):
    """The parts of a bundle do not belong together."""
