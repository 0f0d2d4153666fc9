"""The name of a cluster: a unique phrase, and which of its words only tell it from similar ones."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

DISTINCTION_MARK = " · "
EXAMPLE_OPENING = "like "
PLACEHOLDER_OPENING = "unnamed interest "


@dataclass(frozen=True)
class ClusterName:
    """A description, as the planner writes it.

    Attributes:
        text: the whole phrase, unique on its level.
        distinction: the words at its end that say nothing but which of several like clusters this
            is; ``None`` where there are none.
    """

    text: str
    distinction: str | None = None

    @property
    def theme(self) -> str:
        """The words before the distinction."""
        return self.text.removesuffix(self.distinction or "").rstrip()

    @property
    def shown(self) -> str:
        """The phrase as people read it.

        >>> ClusterName("bonsai care garden yard", "garden yard").shown
        'bonsai care · garden yard'
        """
        return DISTINCTION_MARK.join(filter(None, (self.theme, self.distinction)))

    @property
    def is_example(self) -> bool:
        """Whether it names the cluster by what is in it; a keyword never is ``like``."""
        return self.text.startswith(EXAMPLE_OPENING)

    @property
    def is_placeholder(self) -> bool:
        """Whether it says nothing, for want of any readable word."""
        return self.text.startswith(PLACEHOLDER_OPENING)


def read_names(clusters: pl.DataFrame) -> tuple[ClusterName, ...]:
    """Return the names in rows of the table CLUSTERS; older ones know of no distinctions."""
    has_distinctions = "distinction" in clusters.columns
    distinctions = clusters["distinction"] if has_distinctions else [None] * clusters.height
    return tuple(map(ClusterName, clusters["description"], distinctions))
