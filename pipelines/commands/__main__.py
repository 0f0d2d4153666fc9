"""`python -m pipelines.commands` is `explorer`, for a checkout that is not installed."""

from __future__ import annotations

from pipelines.commands.app import main

if __name__ == "__main__":
    main()
