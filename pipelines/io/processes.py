"""Whether a process of this machine still runs."""

from __future__ import annotations

import os


def is_running(process_id: int) -> bool:
    """Say whether there is a process of this number, whoever owns it."""
    try:
        os.kill(process_id, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass  # somebody else's
    return True
