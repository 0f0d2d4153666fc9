"""Follows the champion alias: loads its release aside, checks it, swaps it in whole."""

from __future__ import annotations

import logging
import threading
import time
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path

from expectations.contracts.errors import ReleaseError, UserError
from expectations.contracts.forgotten import read_forgotten
from inference.features.online_features import FeatureReader
from inference.release.completeness import find_missing_rows
from inference.release.loaded_release import LoadedRelease, load_release
from inference.release.manifest import probe_evenly
from inference.release.plug_in import PlugIn, keep_ours, replace_recommender
from inference.release.registered import CHAMPION, RELEASE_MODEL
from inference.release.registry_answer import RegistryUnreachableError
from inference.release.release_copies import ReleaseCopies
from inference.release.release_source import ReleaseSource
from inference.serving.config import ServingConfig
from inference.serving.recommend import make_recommendations
from inference.serving.request import RecommendationRequest
from inference.store.store_connections import StoreUnreachableError

STORE_PROBES = 8
"""Users and table rows looked up to see whether the store still has the release in service."""
WARM_UP_USERS = 4
"""Who is answered before anybody asks: those without a history need less than the others."""
WARM_UP_SHARE = 0.5
"""Of explored items there, so that both lists are made."""
POLLS_BETWEEN_TRIES = 10
"""A refused release is looked at again after so many polls: its rows may have come since."""

log = logging.getLogger(__name__)


class StoreState(StrEnum):
    """What the online store had of the release in service when it was last looked at."""

    COMPLETE = "complete"
    """Every row that was looked up."""
    INCOMPLETE = "incomplete"
    """Not every row: people would be taken for unknown."""
    UNREACHABLE = "unreachable"
    """It did not answer; requests get popular items until it does."""


@dataclass(frozen=True)
class LoaderStatus:
    """What is served, and why not something newer, if so.

    Attributes:
        release: what requests are answered from; ``None`` before the first release.
        problem: why the champion is not served, or not in full, in one line; empty if it is.
        store: whether the online store has the release's rows.
    """

    release: LoadedRelease | None
    problem: str
    store: StoreState = StoreState.COMPLETE

    @property
    def is_ready(self) -> bool:
        """Whether requests are answered as they should be, or with popular items meanwhile."""
        return self.release is not None and self.store is not StoreState.INCOMPLETE


class ReleaseLoader:
    """Holds the release in service; :meth:`follow` keeps it at the champion.

    Readers take :attr:`status` once per request. It is replaced as one object, so they see the
    old release or the new one and never parts of both.
    """

    def __init__(
        self,
        source: ReleaseSource,
        reader: FeatureReader,
        config: ServingConfig,
        plug_in: PlugIn = keep_ours,
        copies: ReleaseCopies | None = None,
    ) -> None:
        """Start with nothing; ``copies`` are shared with other processes, where there are any."""
        self._source = source
        self._copies = copies or ReleaseCopies()
        self._plug_in = plug_in
        self._reader = reader
        self._config = config
        self._refused_version: int | None = None
        self._next_try = 0.0
        self._next_store_check = 0.0
        self._calibrated_share: float | None = None
        self.status = LoaderStatus(None, f"alias {CHAMPION} has not been looked up yet")

    @property
    def exploration_share(self) -> float:
        """The exploration share of a list where nobody says."""
        calibrated = self._calibrated_share
        return self._config.exploration_share if calibrated is None else calibrated

    def follow(self, stop: threading.Event) -> None:
        """Poll the alias until ``stop`` is set."""
        while not stop.wait(self._config.poll_seconds):
            try:
                self.refresh()
                self.check_store()
            except Exception:  # a thread that dies would leave the service behind unnoticed
                log.exception("following the alias %s failed; trying again", CHAMPION)

    def refresh(self) -> None:
        """Look at the alias once; load, check and swap in its release if it is another one.

        A release that does not pass is refused: the one in service stays, and the status says
        why.
        """
        serving = self.status.release
        try:
            version = self._source.version_at(CHAMPION)
            if self._config.blend == "calibrated":
                self._calibrated_share = self._source.calibrated_share()
        except RegistryUnreachableError as error:
            self.status = replace(self.status, problem=str(error))
            return
        if version is None:
            problem = f"{RELEASE_MODEL} has no alias {CHAMPION}"
            self.status = replace(self.status, problem=problem)
        elif serving is not None and version == serving.version:
            self._refused_version = None
            if self.status.store is StoreState.COMPLETE:
                self.status = LoaderStatus(serving, "")
        elif version != self._refused_version or time.monotonic() >= self._next_try:
            self._try(version)

    def check_store(self) -> None:
        """See now and then whether the online store still has the rows of the release in service.

        A store that was emptied or taken away says nothing to a request but that nobody is known.
        """
        serving = self.status.release
        if serving is None or time.monotonic() < self._next_store_check:
            return
        self._next_store_check = time.monotonic() + self._config.store_check_seconds
        forgotten = read_forgotten(Path(self._config.forgotten_users))
        try:
            missing = find_missing_rows(self._reader, serving.manifest, STORE_PROBES, forgotten)
        except StoreUnreachableError as error:
            self._note_store(StoreState.UNREACHABLE, f"the online store does not answer: {error}")
            return
        if missing:
            self._note_store(StoreState.INCOMPLETE, "; ".join(missing))
        elif self.status.store is not StoreState.COMPLETE:
            self._note_store(StoreState.COMPLETE, "")

    def _note_store(self, state: StoreState, problem: str) -> None:
        if state is not self.status.store:
            log.warning("the online store is %s: %s", state, problem or "all rows are there")
        self.status = replace(self.status, problem=problem, store=state)

    def _try(self, version: int) -> None:
        try:
            release = self._load(version)
        except (UserError, StoreUnreachableError) as error:
            self._refused_version = version
            self._next_try = time.monotonic() + POLLS_BETWEEN_TRIES * self._config.poll_seconds
            problem = f"version {version} is refused: {error}"
            self.status = replace(self.status, problem=problem)
            log.error("%s", problem)
            serving = self.status.release
            self._copies.keep_only(serving.release_id if serving else None)
            return
        self._refused_version = None
        self.status = LoaderStatus(release, "")
        self._reader.forget_rows_except(release.release_id)
        self._copies.keep_only(release.release_id)
        log.info("serving version %d, release %s", version, release.release_id[:12])

    def _load(self, version: int) -> LoadedRelease:
        with self._copies.open(self._source, version) as fetched:
            forgotten = read_forgotten(Path(self._config.forgotten_users))
            missing = find_missing_rows(
                self._reader, fetched.manifest, self._config.probes, forgotten
            )
            reasons = [*fetched.manifest.refusals(), *missing]
            if reasons:
                where = f"{RELEASE_MODEL} version {version}"
                remedy = "publish it again, or roll back with `explorer promote`"
                raise ReleaseError(where, "is fit to be served", remedy, "; ".join(reasons))
            release = replace_recommender(load_release(fetched), self._plug_in)
        self._warm_up(release)
        return release

    def _warm_up(self, release: LoadedRelease) -> None:
        """Answer a few people, so that no request waits for what is compiled at its first use."""
        for user_id in probe_evenly(list(release.manifest.probe_users), WARM_UP_USERS):
            request = RecommendationRequest(
                user_id, self._config.count, WARM_UP_SHARE, self._config.planned_clusters
            )
            make_recommendations(release, self._reader, request)
