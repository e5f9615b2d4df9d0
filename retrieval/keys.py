"""Encryption at rest: raw turns under a key per customer, customer keys under the master key.

AES-256-GCM throughout. Customers are known by a keyed hash of their id, so the corpus names nobody, and deleting a
customer's key makes everything sealed with it unreadable for good.
"""

from __future__ import annotations

import hashlib
import hmac
import os

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from retrieval.errors import WrongKey

NONCE_BYTES = 12


class MasterKey:
    """What the operator's secret gives: tags for customers, and keys that only it unwraps."""

    def __init__(self, secret: bytes) -> None:
        if len(secret) < 16:
            raise WrongKey(f"the master key has {len(secret)} bytes; it needs at least 16")
        self._wrapping = AESGCM(_derive(secret, b"nightdesk corpus wrapping"))
        self._tagging = _derive(secret, b"nightdesk corpus tags")

    def tag(self, customer: str | None) -> bytes:
        """Return 16 bytes that stand for a customer id; None is the one unknown customer."""
        message = b"unknown" if customer is None else b"id:" + customer.encode()
        return hmac.new(self._tagging, message, hashlib.sha256).digest()[:16]

    def new_customer_key(self, tag: bytes) -> tuple[bytes, CustomerKey]:
        """Return a fresh key wrapped for storage, and ready for use."""
        raw = AESGCM.generate_key(bit_length=256)
        nonce = os.urandom(NONCE_BYTES)
        return nonce + self._wrapping.encrypt(nonce, raw, tag), CustomerKey(raw)

    def unwrap(self, wrapped: bytes, tag: bytes) -> CustomerKey:
        """Return a stored key. Raises WrongKey if this is not the master key it was wrapped with."""
        try:
            return CustomerKey(self._wrapping.decrypt(wrapped[:NONCE_BYTES], wrapped[NONCE_BYTES:], tag))
        except InvalidTag:
            raise WrongKey(
                "the master key does not open this corpus; start with the secret it was ingested with"
            ) from None


class CustomerKey:
    """Seals and opens one customer's words; `bound_to` ties a sealed text to its document."""

    def __init__(self, raw: bytes) -> None:
        self._cipher = AESGCM(raw)

    def seal(self, text: bytes, bound_to: bytes) -> bytes:
        """Return nonce and ciphertext."""
        nonce = os.urandom(NONCE_BYTES)
        return nonce + self._cipher.encrypt(nonce, text, bound_to)

    def open(self, sealed: bytes, bound_to: bytes) -> bytes:
        """Return the text. Raises WrongKey if it was sealed otherwise or changed since."""
        try:
            return self._cipher.decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], bound_to)
        except InvalidTag:
            raise WrongKey("a sealed transcript was changed, or belongs to another document") from None


def _derive(secret: bytes, purpose: bytes) -> bytes:
    return HKDF(algorithm=SHA256(), length=32, salt=None, info=purpose).derive(secret)
