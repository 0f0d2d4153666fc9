"""Moves the champion alias after checks, or says why not."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from mlflow import MlflowClient

from expectations.contracts.errors import ReleaseError
from expectations.contracts.forgotten import read_forgotten
from inference.features.online_features import FeatureReader
from inference.release.completeness import find_missing_rows
from inference.release.manifest import ReleaseManifest
from inference.release.registered import CHALLENGER, CHAMPION, PREVIOUS, RELEASE_MODEL
from inference.release.release_source import ReleaseSource
from inference.store.store_connections import StoreUnreachableError
from pipelines.io import paths
from pipelines.online.feature_store import open_store
from pipelines.params.gates import PromotionGates
from pipelines.params.params import read_params
from pipelines.release.compare_releases import Comparison, MeasuredRelease, compare_releases
from pipelines.release.model_registry import (
    members_follow,
    point_alias,
    registered_versions,
    remove_alias,
)
from pipelines.release.promotion import Promotion, previous_champion, write_copy
from pipelines.release.promotion_history import PromotionHistory, Turn
from pipelines.release.tracking import open_tracking, tracking_uri

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Move:
    """A move that has passed its checks: from where, to where, and what they said."""

    action: Literal["promote", "rollback"]
    champion: int | None
    target: int
    manifest: ReleaseManifest
    notes: tuple[str, ...] = ()
    overridden: tuple[str, ...] = ()


class Promoter:
    """Moves the champion alias after checks, and keeps the registry's history of it.

    Nobody moves it from anywhere else than where it was when the checks began, whoever moved it
    meanwhile, from whatever machine. ``copies`` is a folder where the history is copied to for
    reading; nothing is ever read from there.
    """

    def __init__(
        self,
        client: MlflowClient,
        source: ReleaseSource,
        reader: FeatureReader,
        probes: int,
        copies: Path,
        gates: PromotionGates,
    ) -> None:
        self._client = client
        self._source = source
        self._reader = reader
        self._probes = probes
        self._copies = copies
        self._history = PromotionHistory(client)
        self._gates = gates

    def promote(self, who: str, why: str, override: bool = False) -> Promotion | None:
        """Let the champion be the challenger; ``None`` if it is already.

        Args:
            who: decides it.
            why: a reason, for the history.
            override: let no comparison with the champion stand against it; what did is recorded.

        Raises:
            ReleaseError: there is no challenger, it may not be served, with every reason, or
                somebody else moved the champion meanwhile.
        """
        candidate = self._source.version_at(CHALLENGER)
        if candidate is None:
            rule = f"alias {CHALLENGER} points to a version"
            raise ReleaseError(RELEASE_MODEL, rule, "run `explorer publish`")
        champion = self._source.version_at(CHAMPION)
        turn = self._history.take_turn(champion)
        if champion == candidate:
            self._lead_members()  # which a break after the last move may have left behind
            return None
        measured = self._measured(candidate)
        unfit, worse = self._unfit(measured.manifest), []
        notes = ["no champion to compare with"]
        if champion is not None:
            verdicts, drift = self._compare(measured, champion)
            notes = [verdict.words for verdict in verdicts]
            lost = [verdict.words for verdict in verdicts if verdict.is_worse]
            worse = [f"worse than the champion beyond the interval: {w}" for w in lost] + drift
        _refuse(candidate, unfit if override else [*unfit, *worse])
        move = Move("promote", champion, candidate, measured.manifest, tuple(notes), tuple(worse))
        return self._make(move, who, why, turn)

    def roll_back(self, who: str, why: str) -> Promotion:
        """Let the champion that is there now be the one before it.

        Raises:
            ReleaseError: there is none before it, it may no longer be served, or somebody else
                moved the champion meanwhile.
        """
        champion = self._source.version_at(CHAMPION)
        turn = self._history.take_turn(champion)
        target = self._champion_before(champion)
        if target is None:
            rule = "the registry knows an earlier champion"
            raise ReleaseError(RELEASE_MODEL, rule, "promote a release first")
        manifest = self._measured(target).manifest
        _refuse(target, self._unfit(manifest))
        return self._make(Move("rollback", champion, target, manifest), who, why, turn)

    def _champion_before(self, champion: int | None) -> int | None:
        if champion is None:
            return None
        versions = registered_versions(self._client)
        return previous_champion(self._history.read(champion), champion, versions)

    def _require_champion(self, expected: int | None) -> None:
        found = self._source.version_at(CHAMPION)
        if found != expected:
            rule = "the champion stays where it was while a move is made"
            sample = f"was {_name(expected)}, is {_name(found)}"
            remedy = "look who moved it, and run the command again"
            raise ReleaseError(RELEASE_MODEL, rule, remedy, sample)

    def _compare(
        self, candidate: MeasuredRelease, champion: int
    ) -> tuple[list[Comparison], list[str]]:
        try:
            against = self._measured(champion)
        except ReleaseError as error:
            # No service can load that champion either: it must not bar the way to a sound one.
            unread = f"not compared: the champion cannot be read ({error})"
            return [Comparison(False, unread)], []
        drift = _drift(candidate.manifest, against.manifest, self._gates)
        return compare_releases(candidate, against, self._gates.max_recall_loss), drift

    def _measured(self, version: int) -> MeasuredRelease:
        with self._source.fetch(version) as fetched:
            return MeasuredRelease.read(fetched)

    def _unfit(self, manifest: ReleaseManifest) -> list[str]:
        try:
            forgotten = read_forgotten(paths.FORGOTTEN_USERS)
            missing = find_missing_rows(self._reader, manifest, self._probes, forgotten)
        except StoreUnreachableError as error:
            missing = [f"the online store does not answer ({error})"]
        return [*manifest.refusals(), *missing]

    def _make(self, move: Move, who: str, why: str, turn: Turn) -> Promotion:
        promotion = Promotion(
            action=move.action,
            when=datetime.now(UTC).isoformat(timespec="seconds"),
            who=who,
            why=why,
            from_version=move.champion,
            to_version=move.target,
            release_id=move.manifest.release_id,
            notes=move.notes,
            overridden=move.overridden,
        )
        self._require_champion(move.champion)
        entry = self._history.enter(promotion, turn)
        entry.require_time()
        point_alias(self._client, CHAMPION, move.target)
        entry.close(made=True)
        self._point_previous(move.target)
        self._lead_members()
        self._copy(move.target)
        return promotion

    def _point_previous(self, champion: int) -> None:
        before = self._champion_before(champion)
        if before is None:
            remove_alias(self._client, PREVIOUS)
        else:
            point_alias(self._client, PREVIOUS, before)

    def _lead_members(self) -> None:
        for alias in (CHAMPION, PREVIOUS):
            members_follow(self._client, alias)

    def _copy(self, champion: int) -> None:
        registry = self._history.identity()
        try:
            write_copy(self._history.read(champion), registry or "unknown", self._copies)
        except OSError as error:  # the registry has it; what was asked for is done
            log.warning("the history was not copied to %s: %s", self._copies, error)


def _name(version: int | None) -> str:
    return "none" if version is None else f"version {version}"


def _drift(
    candidate: ReleaseManifest, champion: ReleaseManifest, gates: PromotionGates
) -> list[str]:
    # Great Expectations takes seconds to import; a rollback or a first release does without.
    from pipelines.release.drift import find_drift

    return find_drift(candidate, champion, gates)


def _refuse(version: int, reasons: list[str]) -> None:
    if reasons:
        where = f"{RELEASE_MODEL} version {version}"
        remedy = (
            "mend what is named, run `dvc repro` and `explorer publish`; what is only a comparison "
            "can be overridden by `--override --why REASON`"
        )
        raise ReleaseError(where, "is refused as champion", remedy, "; ".join(reasons))


def open_promoter() -> Promoter:
    """Return what moves the champion of this tree's registry and stores."""
    params = read_params()
    return Promoter(
        open_tracking(),
        ReleaseSource(tracking_uri()),
        FeatureReader(open_store),
        params.serving.probes,
        paths.PROMOTIONS,
        params.gates.promotion,
    )


def describe_move(promotion: Promotion | None) -> str:
    """Say in one line what happened; ``None`` is that nothing had to."""
    if promotion is None:
        return f"{RELEASE_MODEL}: the challenger is the champion already; nothing to do"
    came_from, went_to = _name(promotion.from_version), _name(promotion.to_version)
    against = f"; overridden: {'; '.join(promotion.overridden)}" if promotion.overridden else ""
    return (
        f"{RELEASE_MODEL}: champion {came_from} -> {went_to} "
        f"(release {promotion.release_id[:12]}); {'; '.join(promotion.notes) or promotion.action}"
        f"{against}"
    )
