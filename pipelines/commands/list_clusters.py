"""`explorer list-clusters`: every description with its five top items, to read."""

from __future__ import annotations

EXAMPLE = "explorer list-clusters > clusters.md"


def command() -> None:
    """Print the last built tree as Markdown: each cluster with its size, traffic and top items.

    Broad clusters are headings, the narrower ones stand below them.
    """
    from pipelines.clusters.list_clusters import list_built_clusters

    print("\n".join(list_built_clusters()))
