"""Which releases may go: the rule of retention, over what the registry says."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from pipelines.params.retention import RetentionConfig
from pipelines.release.promotion import Promotion, previous_champion


@dataclass(frozen=True)
class KnownRelease:
    """A registered version, its release, when it was published, and the aliases it bears."""

    version: int
    release_id: str
    published: datetime
    aliases: tuple[str, ...]


def reasons_to_keep(
    releases: Sequence[KnownRelease],
    promotions: Sequence[Promotion],
    champion: int | None,
    now: datetime,
    config: RetentionConfig,
) -> dict[str, str]:
    """Return release id to the reason why it stays; a release without a reason may go."""
    recently = now - timedelta(days=config.keep_days)
    versions = {release.version for release in releases}
    back = None if champion is None else previous_champion(promotions, champion, versions)
    left = {p.from_version: datetime.fromisoformat(p.when) for p in promotions}  # the last time
    by_age = sorted((release.version for release in releases), reverse=True)
    latest = set(by_age[: config.keep_last])
    kept: dict[str, str] = {}
    for release in sorted(releases, key=lambda known: known.version):
        if release.aliases:
            kept[release.release_id] = f"is {' and '.join(sorted(release.aliases))}"
        elif release.version == back:
            kept.setdefault(release.release_id, "is what a rollback returns to")
        elif release.version in latest:
            kept.setdefault(release.release_id, f"is among the last {config.keep_last}")
        elif release.published > recently:
            kept.setdefault(release.release_id, "was published lately")
        elif left.get(release.version, recently) > recently:
            kept.setdefault(release.release_id, "was champion lately: a service may hold it")
    return kept


@dataclass(frozen=True)
class RetirementPlan:
    """What a retirement would remove and what it keeps.

    Attributes:
        retired: release ids whose rows go, to their number of rows.
        kept: release ids whose rows stay, to the reason.
        unregistered: release ids that the registry does not know, to their number of rows: a load
            under way, or one that broke off.
        unneeded: every registered release id without a reason to stay, with rows or without.
    """

    retired: Mapping[str, int]
    kept: Mapping[str, str]
    unregistered: Mapping[str, int]
    unneeded: frozenset[str]


def plan_retirement(
    rows: Mapping[str, int], registered: Collection[str], kept: Mapping[str, str]
) -> RetirementPlan:
    """Sort the releases that have rows online, ``rows`` release id to number, by what they get."""
    return RetirementPlan(
        retired={r: n for r, n in sorted(rows.items()) if r in registered and r not in kept},
        kept={r: kept[r] for r in sorted(rows) if r in kept},
        unregistered={r: n for r, n in sorted(rows.items()) if r not in registered},
        unneeded=frozenset(registered) - frozenset(kept),
    )
