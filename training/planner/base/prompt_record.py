"""Keeps beside an adapter how its prompts are put: whoever loads it puts them in the same way."""

from __future__ import annotations

from pathlib import Path

from pydantic import ValidationError

from expectations.contracts.errors import UserError
from training.config import Config
from training.planner.config import PromptConfig

PROMPT_RECORD = "prompt.json"
"""Beside an adapter; those of earlier versions have none."""


class PromptRecord(Config):
    """How prompts become tokens."""

    settings: PromptConfig
    """Of ``planner.prompt``."""
    sample_sha256: str
    """Of the tokens of a fixed few prompts: it tells of another template or tokenizer."""


def write_prompt_record(record: PromptRecord, folder: Path) -> None:
    """Write the record into an adapter's folder."""
    text = record.model_dump_json(indent=2)
    (folder / PROMPT_RECORD).write_text(text + "\n", encoding="utf-8")


def read_prompt_record(folder: Path) -> PromptRecord | None:
    """Return the record of an adapter's folder; ``None`` where an earlier version wrote it.

    Raises:
        UserError: the record is not readable.
    """
    file = folder / PROMPT_RECORD
    if not file.is_file():
        return None
    try:
        return PromptRecord.model_validate_json(file.read_bytes())
    except ValidationError as error:
        rule = "says how the planner's prompts are put"
        sample = str(error.errors()[0]["msg"])[:120]
        raise UserError(str(file), rule, "run the planner stage again", sample) from None
