"""The URL of a folder for trained networks: check it. It holds no secret."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qsl, urlsplit

from nas.config.storage_url import SECRET_WORDS

CREDENTIALS = (
    "credentials are taken from where the store's own tools take them: for S3 the environment "
    "variables AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, ~/.aws/credentials, or the machine's "
    "role"
)

SECRET_KEYS = (*SECRET_WORDS, "key", "credential", "sas")


def check_networks_url(value: Any) -> Any:
    """Refuse a value that is no URL of a folder, or that holds credentials.

    Raises:
        ValueError: it is refused; the message repeats no part of it.
    """
    if value is None:
        return value
    rule = "must be the URL of a folder, such as s3://bucket/folder"
    if not isinstance(value, str):
        raise ValueError(f"{rule}, a text")
    try:
        parts = urlsplit(value)
        query = parse_qsl(parts.query, keep_blank_values=True)
    except ValueError:
        raise ValueError(f"{rule} (it is not shown, since it may hold a secret)") from None
    if "@" in value or parts.username or parts.password or _holds_secret(query):
        raise ValueError(f"{rule}, without credentials: {CREDENTIALS}")
    if not parts.scheme or "://" not in value or not (parts.netloc or parts.path.strip("/")):
        raise ValueError(f"{rule}, got {value!r}")
    if parts.fragment:
        raise ValueError(f"{rule}, without a #, got {value!r}")
    return value


def _holds_secret(query: list[tuple[str, str]]) -> bool:
    return any(word in key.lower() for key, _ in query for word in SECRET_KEYS)
