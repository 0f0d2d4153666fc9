"""Where releases are found: names, aliases and the layout of the release artefact in MLflow."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from pydantic import TypeAdapter

from expectations.contracts.durable import SCHEMA, schema_of

RELEASE_MODEL = "interest-explorer"
PLANNER_MODEL = "interest-explorer-planner"
RECOMMENDER_MODEL = "interest-explorer-recommender"
BASE_LANGUAGE_MODEL = "interest-explorer-base"

CHAMPION = "champion"
"""Alias of the release that services answer from."""

CHALLENGER = "challenger"
"""Alias of the release published last: the next to be promoted."""

PREVIOUS = "previous"
"""Alias of the release that a rollback returns to."""

HISTORY_MODEL = "interest-explorer-champions"
"""The registered model whose versions are the moves of the champion, one by one."""

CALIBRATED_SHARE = "calibrated_exploration_share"
"""Tag of the release model: the exploration share that people's choices earned, from 0 to 1."""

RELEASE_FOLDER = "release"
"""Name of the release's folder among the files of its logged model."""

RELEASE_PATH = Path("artifacts") / RELEASE_FOLDER
"""Where the release's files lie inside the logged model."""

MEMBERS_FILE = "members.json"
MEMBERS_SCHEMA = 2
"""1 was the same without the field."""


@dataclass(frozen=True)
class ReleaseMembers:
    """Versions of the registered models that belong to a release.

    They are kept inside its artefact: aliases and tags can be changed one by one, a file of a
    version cannot.
    """

    planner_version: int
    recommender_version: int

    def write(self, folder: Path) -> None:
        """Write the members into the release's folder."""
        text = json.dumps({SCHEMA: MEMBERS_SCHEMA, **asdict(self)}, indent=2, sort_keys=True)
        (folder / MEMBERS_FILE).write_text(text + "\n", encoding="utf-8")

    @classmethod
    def read(cls, folder: Path) -> ReleaseMembers:
        """Return what :meth:`write` wrote, in this schema or an earlier one.

        Raises:
            ReleaseError: the schema is a later one.
        """
        file = folder / MEMBERS_FILE
        content = json.loads(file.read_text(encoding="utf-8"))
        schema_of(content, MEMBERS_SCHEMA, str(file))
        return TypeAdapter(cls).validate_python(content)
