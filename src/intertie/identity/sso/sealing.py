"""JSON that is given to browsers and rows for keeping, so that none of them reads or changes it."""

import json
from typing import Any

from intertie.errors import StoreError
from intertie.identity.sealed import Sealer

Json = dict[str, Any]  # Any: a wire edge


def seal_json(sealer: Sealer, document: Json, purpose: str) -> str:
    """As text that cookies and addresses can hold."""
    return sealer.seal(json.dumps(document, separators=(",", ":")).encode(), purpose=purpose)


def open_json(sealer: Sealer, text: str, purpose: str) -> Json | None:
    """What was sealed; None when it was changed, or sealed for something else."""
    try:
        found = json.loads(sealer.unseal(text, purpose=purpose))
    except (StoreError, ValueError):
        return None
    return found if isinstance(found, dict) else None
