"""Settings of the data source, section ``dataset`` of ``params.yaml``."""

from __future__ import annotations

import codecs
from typing import Literal

from pydantic import Field, field_validator, model_validator

from pipelines.sources.raw.time_formats import TIME_FORMATS
from pipelines.sources.synthetic.config import SyntheticConfig
from training.config import Config

RATING_THRESHOLD = 4.0
"""Of five stars: where GroupLens' users begin to recommend a film; usual in papers on MovieLens."""


class FilesConfig(Config):
    """Which files a team's own logs lie in, and how their columns are called.

    The ending of a file's name says its format: ``.parquet`` or ``.pq``, else CSV with a header
    (``.gz`` and the like are unpacked). A folder of part files stands for one file.

    Args:
        items_file: the catalogue, one row an item, within ``dataset.path``.
        interactions_file: the log, one row an interaction, within ``dataset.path``.
        delimiter: of both CSV files.
        quote: what encloses a cell with delimiters or line ends; ``None`` where quotes are
            ordinary letters.
        escape: what stands before a quote within a quoted cell, such as a backslash; ``None``
            where quotes are doubled.
        encoding: of both CSV files, as Python calls it; ``None`` is UTF-8, or what a byte order
            mark says.
        user_id: column of the log.
        item_id: column of both files.
        timestamp: column of the log.
        time_format: one of :data:`TIME_FORMATS`, or a pattern of ``strptime`` such as
            ``%d/%m/%Y``. ``auto`` looks at the first rows and the column's type. Times without a
            zone are UTC.
        feedback: numeric column of the log; ``None`` where there is none.
        title: column of the catalogue; an item without title is called by its id.
        text: columns of the catalogue that are joined to an item's text; ``None`` takes those
            whose names say enough (``usual_columns.py``), an empty list none.
        category: column of the catalogue that holds a path from broad to narrow, or a list;
            ``None`` takes the first of ``category_path``, ``categories``, ``category``, ``genres``
            and ``genre``, an empty text none.
        category_separator: what stands between the steps of that path in a CSV file.
    """

    items_file: str = "items.csv"
    interactions_file: str = "interactions.csv"
    delimiter: str = Field(default=",", min_length=1, max_length=1)
    quote: str | None = Field(default='"', min_length=1, max_length=1)
    escape: str | None = Field(default=None, min_length=1, max_length=1)
    encoding: str | None = None
    user_id: str = "user_id"
    item_id: str = "item_id"
    timestamp: str = "timestamp"
    time_format: str = "auto"
    feedback: str | None = None
    title: str = "title"
    text: tuple[str, ...] | None = None
    category: str | None = None
    category_separator: str = Field(default=">", min_length=1)

    @field_validator("time_format")
    @classmethod
    def _is_known(cls, value: str) -> str:
        if value not in TIME_FORMATS and "%" not in value:
            known = ", ".join(TIME_FORMATS)
            raise ValueError(f"is one of {known}, or a pattern such as %d/%m/%Y")
        return value

    @field_validator("encoding")
    @classmethod
    def _is_encoding(cls, value: str | None) -> str | None:
        try:
            if value is not None:
                codecs.lookup(value)
        except LookupError:
            raise ValueError("is an encoding of Python, such as latin-1 or utf-16") from None
        return value


class DatasetConfig(Config):
    """Which data the pipeline runs on.

    Args:
        source: ``synthetic`` makes a world, ``movielens`` reads a GroupLens folder or zip,
            ``files`` reads CSV or Parquet.
        path: the synthetic catalogue, the GroupLens folder or zip, or the folder of the files.
            Its content decides whether ingest is up to date.
        positive_threshold: feedback from which an interaction counts as positive. ``None`` is 4
            for ratings; with ``files`` it makes every interaction positive.
        events: live events to add, as `explorer export-events` wrote them. The
            name of the file holds the hash of its content, so naming it pins it.
    """

    source: Literal["synthetic", "movielens", "files"] = "synthetic"
    path: str = "pipelines/sources/synthetic/catalogue.yaml"
    positive_threshold: float | None = None
    events: str | None = None
    files: FilesConfig = FilesConfig()
    synthetic: SyntheticConfig = SyntheticConfig()

    @model_validator(mode="after")
    def _threshold_has_feedback(self) -> DatasetConfig:
        mapped = self.source != "files" or self.files.feedback is not None
        if self.positive_threshold is not None and not mapped:
            raise ValueError("positive_threshold needs dataset.files.feedback, the column it is on")
        return self

    @property
    def threshold(self) -> float | None:
        """The feedback that counts as positive; ``None`` where every interaction does."""
        if self.positive_threshold is not None or self.source == "files":
            return self.positive_threshold
        return RATING_THRESHOLD
