"""Short digests, which name contents."""

from __future__ import annotations

import hashlib


def short_sha256(content: str | bytes, digits: int) -> str:
    """Return the first ``digits`` hexadecimal digits of the SHA-256; text is taken as UTF-8."""
    data = content.encode() if isinstance(content, str) else content
    return hashlib.sha256(data).hexdigest()[:digits]
