"""Where a worker gets its ranker from: the planner's folders, opened wherever rows are planned."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

from inference.search.config import TableConfig
from inference.search.ranking import ContextRanker
from inference.table.refresh import RankCandidates
from inference.table.table import make_ranker
from training.planner.base.model_io import load_planner


class RankerSource(Protocol):
    """Opens a ranker in this process, in another one, or on another machine; it can be pickled.

    Attributes:
        folders: what :meth:`open` reads. A machine that has not got them is sent copies.
    """

    @property
    def folders(self) -> tuple[Path, ...]: ...  # noqa: D102

    def open(self, folders: Sequence[Path]) -> ContextRanker:
        """Return the ranker; ``folders`` are the source's own or copies in the same order."""
        ...


@dataclass(frozen=True)
class StoredPlanner:
    """A planner as its stages left it.

    Attributes:
        base_folder: the base model, or the reference to it.
        adapter_folder: the adapter.
        descriptions: of every cluster, by id.
        families: of every cluster, see :func:`~inference.search.ranking.families_of`.
        config: how rows are ranked.
        candidates: clusters that rows are to rank; ``None`` for all.
    """

    base_folder: Path
    adapter_folder: Path
    descriptions: tuple[str, ...]
    families: tuple[int, ...]
    config: TableConfig
    candidates: tuple[int, ...] | None = None

    @property
    def folders(self) -> tuple[Path, ...]:
        """The base model's folder and the adapter's."""
        return (self.base_folder, self.adapter_folder)

    def open(self, folders: Sequence[Path]) -> ContextRanker:
        """Load the planner and return its ranker.

        Raises:
            UserError: a folder holds no planner, or the adapter is of another base model.
        """
        planner = load_planner(*folders)
        planner.model.float()  # exact ranking needs float32, on a GPU too
        engine = make_ranker(planner, self.descriptions, self.families, self.config)
        if self.candidates is None:
            return engine
        return RankCandidates(engine, self.candidates, self.families, self.config)

    def among(self, candidates: Sequence[int]) -> StoredPlanner:
        """Return the source of rows that rank only these clusters, scored as among all."""
        return replace(self, candidates=tuple(candidates))
