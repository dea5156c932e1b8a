"""Short digests, which name a content."""

from __future__ import annotations

import hashlib


def short_sha256(content: str | bytes, digits: int) -> str:
    """The first ``digits`` hexadecimal digits of the content's SHA-256; text is taken as UTF-8."""
    data = content.encode() if isinstance(content, str) else content
    return hashlib.sha256(data).hexdigest()[:digits]
