"""Rows of a feature view as an online store keeps them, and what a store that takes them offers.

And gives: a request reads several views, each of which is a query of its own to Feast.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
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


@dataclass(frozen=True)
class EncodedRead:
    """Rows that are wanted of one feature view.

    Attributes:
        view: where it is applied.
        features: of the view.
        keys: serialized entity keys, version 3.
    """

    view: FeatureView
    features: tuple[str, ...]
    keys: Sequence[bytes]


class GivesEncodedRows(ABC):
    """An online store that reads rows of several views at once, as its ``online_read`` would."""

    @abstractmethod
    def read_encoded(
        self, config: RepoConfig, reads: Sequence[EncodedRead]
    ) -> list[list[dict[str, bytes]]]:
        """Return the serialized ``feast.types.Value`` of each feature, by read and key.

        What is not there is missing from a row; a row that is not there is empty.

        Args:
            config: of the feature store.
            reads: what to read, all of it in one exchange with the store.
        """
