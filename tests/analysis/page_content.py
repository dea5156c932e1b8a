"""The compressed content of a page: its figures and the cards of its networks."""

from __future__ import annotations

import base64
import gzip
import json
import re
from typing import Any


def content_of(page: str) -> Any:
    packed = re.search(r'<script type="text/plain" id="content">([^<]*)</script>', page)
    assert packed is not None
    return json.loads(gzip.decompress(base64.b64decode(packed[1])))
