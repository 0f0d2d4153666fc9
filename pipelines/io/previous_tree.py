"""Finds the tree that ``clusters.previous`` pins: its two tables, and the hash of their content."""

from __future__ import annotations

from pathlib import Path

import polars as pl

from expectations.contracts.checks import check_table
from expectations.contracts.content_hash import hash_files
from expectations.contracts.errors import ContractError, UserError
from expectations.contracts.tables import CLUSTERS, ITEM_CLUSTERS
from pipelines.io import paths
from pipelines.io.artefact_io import read_table, to_arrow
from training.clusters.config import ClusterConfig
from training.clusters.tree.previous import SETTING, PreviousTree, align_previous

DISTINCTION = "distinction"
TREE_FILES = (paths.CLUSTERS.name, paths.ITEM_CLUSTERS.name)
REMEDY = "`explorer keep-tree` makes such a folder; or set clusters.previous to null"


def read_previous_tree(config: ClusterConfig, item_ids: pl.Series) -> PreviousTree | None:
    """Return the tree that the settings pin, over these items; ``None`` if they pin none.

    DVC cannot depend on a path that may be null, so the content is pinned by hash in
    ``params.yaml``, where DVC sees every change; what lies in the folder has to match.

    Args:
        config: the section ``clusters``.
        item_ids: the present items, ascending.

    Raises:
        UserError: the tables are missing or malformed, or their content is not what is pinned.
        ContractError: a table breaks its declaration.
    """
    if config.previous is None:
        return None
    folder = Path(config.previous.folder)
    if folder.resolve().is_relative_to(paths.ARTIFACTS.resolve()):
        rule = f"lies outside {paths.ARTIFACTS}/, where stages replace what they made"
        raise UserError(f"{SETTING}.folder", rule, REMEDY, str(folder))
    found = hash_tree(folder)
    if found != config.previous.sha256:
        rule = f"the tree in {folder} has the content that is pinned"
        remedy = f"set {SETTING}.sha256 to {found} if this is the tree you mean"
        raise UserError(f"{SETTING}.sha256", rule, remedy, config.previous.sha256[:12])
    return align_previous(
        _read_nodes(folder / paths.CLUSTERS.name),
        read_table(folder / paths.ITEM_CLUSTERS.name, ITEM_CLUSTERS, may_be_older=True),
        item_ids,
        config.counts,
        config.previous,
    )


def _read_nodes(file: Path) -> pl.DataFrame:
    """Return the table CLUSTERS; one of before names had distinctions has none."""
    try:
        return read_table(file, CLUSTERS, may_be_older=True)
    except ContractError:
        older = pl.read_parquet(file)
        if DISTINCTION in older.columns:
            raise
        nodes = older.with_columns(pl.lit(None, dtype=pl.String).alias(DISTINCTION))
        check_table(to_arrow(nodes, CLUSTERS), CLUSTERS, str(file))
        return nodes


def hash_tree(folder: Path) -> str:
    """Return the content hash of the tree whose tables lie in ``folder``.

    Raises:
        UserError: a table is not there.
    """
    files = {name: folder / name for name in TREE_FILES}
    for name, file in files.items():
        if not file.is_file():
            raise UserError(f"{SETTING}.folder", f"holds {name}", REMEDY, str(folder))
    return hash_files(files).sha256
