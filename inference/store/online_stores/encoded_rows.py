"""Rows of a feature view as an online store keeps them, and what a store that takes them offers."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from feast import FeatureView, RepoConfig


@dataclass(frozen=True)
class EncodedRows:
    """Rows of one feature view, in the formats that Feast publishes for its online stores.

    Attributes:
        keys: serialized entity keys, version 3.
        values: feature to its serialized ``feast.types.Value`` in each row.
        times: when each row became true, with time zone.
    """

    keys: list[bytes]
    values: Mapping[str, list[bytes]]
    times: list[datetime]


class TakesEncodedRows(ABC):
    """An online store that writes encoded rows as its ``online_write_batch`` would write them."""

    @abstractmethod
    def write_encoded(self, config: RepoConfig, view: FeatureView, rows: EncodedRows) -> None:
        """Write ``rows`` to ``view``; the last of several with one key stands.

        Args:
            config: of the feature store.
            view: where it is applied.
            rows: what to write; safe to write again.
        """
