"""`python -m bff.document` prints the OpenAPI document, without settings and without a server.

The TypeScript client's types are made from it (`make client`).
"""

import json
import sys

from bff import openapi
from bff.app import ENDPOINTS


def document() -> str:
    """The document as JSON, as /api/openapi.json answers it, but for the spaces."""
    return json.dumps(openapi.render(ENDPOINTS), indent=2) + "\n"


if __name__ == "__main__":
    sys.stdout.write(document())
