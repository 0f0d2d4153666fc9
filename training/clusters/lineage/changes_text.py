"""Writes what changed since a previous tree as Markdown, for people."""

from __future__ import annotations

from collections.abc import Sequence

from training.clusters.lineage.change_records import Fates, ReusedId, Survivor, TreeChanges

FIRST_TREE = """# A tree without a previous one

Its ids have nothing to do with those of any earlier tree. To keep ids and descriptions at the next
rebuild, name this tree in `clusters.previous`.
"""


def write_changes(changes: TreeChanges) -> str:
    """Return the report: how many of each fate per level, reused ids, then the survivors."""
    if changes.previous_tree is None:
        return FIRST_TREE
    lines = [
        "# What changed since the previous tree",
        "",
        f"Previous tree: `{changes.previous_tree}`.",
        "",
        "| level | clusters | survived | merged | died | split off | born |",
        "| ---: | ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    for level in changes.levels:
        lines.append(_count(changes.count_fates(level), level))
    for level in changes.levels:
        lines += ["", f"## Level {level}", ""]
        lines += _tell_reused(_reused_of(changes, level))
        lines += _table(_survivors_of(changes, level))
    return "\n".join(lines) + "\n"


def _survivors_of(changes: TreeChanges, level: int) -> list[Survivor]:
    return [survivor for survivor in changes.survivors if survivor.level == level]


def _reused_of(changes: TreeChanges, level: int) -> list[ReusedId]:
    return [reused for reused in changes.reused_ids if reused.level == level]


def _count(fates: Fates, level: int) -> str:
    ends, starts = (fates.merged, fates.died), (fates.split, fates.born)
    cells = (level, fates.survived + sum(ends), fates.survived, *ends, *starts)
    return f"| {' | '.join(map(str, cells))} |"


def _tell_reused(reused: Sequence[ReusedId]) -> list[str]:
    if not reused:
        return ["Every id means what it meant.", ""]
    return ["Ids that mean something else:", "", *map(_tell, reused), ""]


def _tell(reused: ReusedId) -> str:
    ending, beginning = "died", "newly born"
    if reused.into is not None:
        ending = f"merged into {reused.into}, {reused.into_name}"
    if reused.out_of is not None:
        beginning = f"split off from {reused.out_of}, {reused.out_of_name}"
    return (
        f"- **{reused.cluster_id}** was *{reused.was}* ({reused.was_traffic:.2%} of the traffic), "
        f"which {ending}; it now is *{reused.now}* ({reused.now_traffic:.2%}), {beginning}."
    )


def _table(survivors: Sequence[Survivor]) -> list[str]:
    rows = [
        f"| {s.cluster_id} | {s.description} | {s.was_traffic:.2%} | {s.now_traffic:.2%} "
        f"| {s.kept:.1%} |"
        for s in survivors
    ]
    head = ["| id | survived | traffic before | traffic now | of its items still in it |"]
    return [*head, "| ---: | --- | ---: | ---: | ---: |", *rows] if rows else []
