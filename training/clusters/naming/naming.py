"""Names a tree: by its keywords, or by a language model with the keywords to fall back on."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import polars as pl
from tqdm import tqdm

from expectations.contracts.errors import UserError
from training.clusters.cluster_name import ClusterName
from training.clusters.config import ClusterConfig, DescriptionConfig
from training.clusters.naming.describe import Names, describe_tree
from training.clusters.naming.endpoint_writer import EndpointWriter
from training.clusters.naming.name_writer import Brief, NameWriter, NoAnswer, Refusal, check_answer
from training.clusters.representation.represent import Representation
from training.clusters.tree.tree import ClusterTree

NO_ANSWER = "no_answer"


@dataclass(frozen=True)
class WritingReport:
    """How a language model fared: descriptions it wrote, and answers refused, by reason."""

    n_written: int = 0
    refused: Mapping[str, int] = field(default_factory=dict)

    def to_metrics(self) -> dict[str, float]:
        """Return flat figures; none where nothing was asked."""
        n_refused = sum(self.refused.values())
        if not self.n_written and not n_refused:
            return {}
        return {
            "n_written_descriptions": self.n_written,
            "n_refused_descriptions": n_refused,
            **{f"n_refused_descriptions_{reason}": n for reason, n in sorted(self.refused.items())},
        }


def name_tree(
    items: pl.DataFrame,
    tree: ClusterTree,
    representation: Representation,
    config: ClusterConfig,
    kept: Sequence[Mapping[int, ClusterName]] = (),
) -> tuple[Names, WritingReport]:
    """Return a name per cluster and level, unique within its level, and who wrote them.

    Args:
        items: the table ITEMS, ascending by ``item_id`` as in the tree.
        tree: the clusters to name.
        representation: what was clustered.
        config: the settings; ``config.description.writer`` says who writes.
        kept: per level, the clusters that have their description already; none when empty.

    Raises:
        UserError: the language model cannot be used, or answered nothing at all.
    """
    keywords = describe_tree(items, tree, representation, config, kept)
    writer = open_writer(config.description)
    if writer is None:
        return keywords, WritingReport()
    return write_names(keywords, items["title"], tree, representation, config, writer, kept)


def open_writer(config: DescriptionConfig) -> NameWriter | None:
    """Return the language model of the settings; ``None`` where keywords do."""
    if config.writer == "keywords":
        return None
    if config.is_endpoint:
        return EndpointWriter(config.writer, config.language_model)
    from training.clusters.naming.local_writer import LocalWriter  # torch takes seconds to import

    return LocalWriter(config.writer, config.language_model)


def write_names(
    keywords: Names,
    titles: pl.Series,
    tree: ClusterTree,
    representation: Representation,
    config: ClusterConfig,
    writer: NameWriter,
    kept: Sequence[Mapping[int, ClusterName]] = (),
) -> tuple[Names, WritingReport]:
    """Let a writer name every cluster that has no kept name; what fails keeps its keywords.

    A written name may be no other cluster's, nor the keywords that another may fall back on.

    Raises:
        UserError: there was not one answer.
    """
    refused: Counter[str] = Counter()
    n_written, why = 0, ""
    written: list[tuple[ClusterName, ...]] = []
    total = sum(map(len, keywords)) - sum(map(len, kept))
    with tqdm(total=total, desc="writing descriptions", unit="cluster", disable=None) as progress:
        for level, names in enumerate(keywords):
            found = list(names)
            settled = kept[level] if kept else {}
            for cluster in range(len(names)):
                if cluster in settled:
                    continue
                progress.update()
                brief = _brief(found, cluster, titles, tree, level, representation, config)
                try:
                    answer = writer.answer(brief)
                except NoAnswer as error:
                    refused[NO_ANSWER] += 1
                    why = str(error)
                    continue
                others = [name.text for nth, name in enumerate(found) if nth != cluster]
                name = check_answer(answer, others, config.description)
                if isinstance(name, Refusal):
                    refused[name.reason] += 1
                    continue
                found[cluster] = ClusterName(name)
                n_written += 1
            written.append(tuple(found))
    if total and refused[NO_ANSWER] == total:
        raise UserError(
            "clusters.description.writer",
            "the language model answers",
            "check that it runs, or set it to keywords",
            f"no answer to {total} requests, the last: {why}",
        )
    return tuple(written), WritingReport(n_written, dict(refused))


def _brief(
    names: Sequence[ClusterName],
    cluster: int,
    titles: pl.Series,
    tree: ClusterTree,
    level: int,
    representation: Representation,
    config: ClusterConfig,
) -> Brief:
    """Return the facts about a cluster: its best known items, and its siblings' names so far."""
    shown = config.description.language_model
    rows = np.flatnonzero(tree.labels[level] == cluster)
    best = rows[np.lexsort((rows, -representation.traffic[rows]))[: shown.titles]]
    parents = tree.parents[level]
    siblings = [
        name.text
        for nth, name in enumerate(names)
        if nth != cluster and (not len(parents) or parents[nth] == parents[cluster])
    ]
    return Brief(names[cluster].text, titles[best].to_list(), siblings[: shown.others])
