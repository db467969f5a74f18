"""Secrets of other systems that we must keep: sealed with AES-GCM under a key that is derived from ours."""

import hashlib
import os
from collections.abc import Sequence

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

KEY_ID_BYTES, NONCE_BYTES = 8, 12


class Sealer:
    """Seals with the first key and opens with any; a sealed text says which key it was.

    Args:
        keys: signing keys, the one in use first, then those before it.
        purpose: keeps the keys of different uses apart.
    """

    def __init__(self, keys: Sequence[bytes], purpose: str) -> None:
        derived = [HKDF(SHA256(), 32, None, f"buybuddy/seal/{purpose}".encode()).derive(key) for key in keys]
        self._ciphers = {hashlib.sha256(b"id:" + key).digest()[:KEY_ID_BYTES]: AESGCM(key) for key in derived}

    def seal(self, secret: str, bound_to: bytes) -> bytes:
        """Return key id, nonce and ciphertext; it opens only together with what it is bound to."""
        key_id, cipher = next(iter(self._ciphers.items()))
        nonce = os.urandom(NONCE_BYTES)
        return key_id + nonce + cipher.encrypt(nonce, secret.encode(), bound_to)

    def open(self, sealed: bytes, bound_to: bytes) -> str | None:
        """Return the secret; None when its key is gone, or when it was changed or moved to another row."""
        cipher = self._ciphers.get(sealed[:KEY_ID_BYTES])
        nonce, body = sealed[KEY_ID_BYTES:][:NONCE_BYTES], sealed[KEY_ID_BYTES + NONCE_BYTES :]
        if cipher is None or len(nonce) < NONCE_BYTES:
            return None
        try:
            return cipher.decrypt(nonce, body, bound_to).decode()
        except InvalidTag:
            return None
