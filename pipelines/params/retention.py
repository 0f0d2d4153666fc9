"""Settings of which releases keep their online rows: section ``retention`` of ``params.yaml``."""

from __future__ import annotations

from pydantic import Field

from training.config import Config


class RetentionConfig(Config):
    """How long a release that is not in use keeps its online rows.

    Attributes:
        keep_last: releases published last that stay, whatever became of them.
        keep_days: a release stays for so long after it was published or was last champion: a
            service that could not follow the alias may still answer from it.
    """

    keep_last: int = Field(default=3, ge=1)
    keep_days: float = Field(default=7.0, ge=0)
