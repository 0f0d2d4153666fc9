"""The history of the champion, kept in MLflow's registry: who moved it, when, why, from and to.

Every move is one version of a registered model of its own, whose source is the release that became
champion. MLflow numbers versions one by one, whoever asks and from wherever, so that their order
is the order of moves, and two moves that were prepared at once see that they were.
"""

from __future__ import annotations

import os
import socket
import time
from dataclasses import dataclass
from uuid import uuid4

from mlflow import MlflowClient
from mlflow.entities.model_registry import ModelVersion
from mlflow.exceptions import MlflowException

from expectations.contracts.errors import ReleaseError
from inference.release.registered import HISTORY_MODEL, RELEASE_MODEL
from pipelines.io.processes import is_running
from pipelines.release.promotion import Promotion
from pipelines.release.tracking_database import once

REGISTRY_TAG = "registry_id"
STATE_TAG = "state"
PROCESS_TAG = "process"
PENDING, DONE, VOID = "pending", "done", "void"
LEASE_SECONDS = 60.0
"""How long a move may take from its entry to its end; afterwards it counts as broken off."""


@dataclass(frozen=True)
class Turn:
    """A look at the history before a move: the number of its last entry, whatever became of it."""

    last: int


class PromotionHistory:
    """Reads and writes the history in the registry of ``client``."""

    def __init__(self, client: MlflowClient) -> None:
        self._client = client

    def identity(self) -> str | None:
        """Return what tells this registry from any other; ``None`` before the first move."""
        try:
            tags = self._client.get_registered_model(HISTORY_MODEL).tags
        except MlflowException as error:
            if error.error_code == "RESOURCE_DOES_NOT_EXIST":
                return None
            raise
        return str(tags.get(REGISTRY_TAG, ""))

    def read(self, champion: int | None) -> list[Promotion]:
        """Return the moves that were made, oldest first.

        A move that was broken off counts if it came as far as the alias.

        Args:
            champion: the version that the alias points to now.
        """
        moves = [(entry.tags.get(STATE_TAG), _move_of(entry)) for entry in self._entries()]
        return [
            move
            for state, move in moves
            if state == DONE or (state == PENDING and move.to_version == champion)
        ]

    def take_turn(self, champion: int | None) -> Turn:
        """Look at the history before the checks of a move; entries of dead processes are closed.

        Raises:
            ReleaseError: somebody is moving the champion at this moment.
        """
        entries = self._entries()
        for entry in (entry for entry in entries if entry.tags.get(STATE_TAG) == PENDING):
            promotion = _move_of(entry)
            if _is_under_way(entry):
                rule = "one move of the champion at a time"
                sample = f"{promotion.who} moves it to version {promotion.to_version}"
                remedy = f"run the command again; after {LEASE_SECONDS:.0f} s the way is free"
                raise ReleaseError(RELEASE_MODEL, rule, remedy, sample)
            reached = promotion.to_version == champion
            self._close(int(entry.version), DONE if reached else VOID)
        return Turn(int(entries[-1].version) if entries else 0)

    def enter(self, promotion: Promotion, turn: Turn) -> EnteredMove:
        """Write a move into the history before it is made.

        Raises:
            ReleaseError: another move was entered since ``turn``.
        """
        self._ensure_model()
        tags = {**promotion.to_tags(), STATE_TAG: PENDING, PROCESS_TAG: _this_process()}
        made = self._client.create_model_version(
            HISTORY_MODEL,
            f"models:/{RELEASE_MODEL}/{promotion.to_version}",
            tags=tags,
            description=promotion.words(),
        )
        number = int(made.version)
        if number != turn.last + 1:
            self._close(number, VOID)
            rule = "the champion stays where it was while a move is made"
            sample = f"another move was entered meanwhile, number {number - 1} of {HISTORY_MODEL}"
            remedy = "look who moved it, and run the command again"
            raise ReleaseError(RELEASE_MODEL, rule, remedy, sample)
        return EnteredMove(self, number)

    def _entries(self) -> list[ModelVersion]:
        found = self._client.search_model_versions(f"name = '{HISTORY_MODEL}'")
        return sorted(found, key=lambda entry: int(entry.version))

    def _close(self, number: int, state: str) -> None:
        self._client.set_model_version_tag(HISTORY_MODEL, str(number), STATE_TAG, state)

    def _ensure_model(self) -> None:
        if self.identity() is not None:
            return
        description = (
            f"Every move of the champion of {RELEASE_MODEL}, one version each, in order. Written "
            "by `explorer promote`; leave it as it is: rollbacks are read from it."
        )
        with once():
            self._client.create_registered_model(
                HISTORY_MODEL, tags={REGISTRY_TAG: uuid4().hex}, description=description
            )


class EnteredMove:
    """A move that stands in the history and is about to be made."""

    def __init__(self, history: PromotionHistory, number: int) -> None:
        self._history = history
        self._number = number
        self._entered = time.monotonic()

    def require_time(self) -> None:
        """Raise :class:`ReleaseError` if this process slept so long that others may go on."""
        if time.monotonic() - self._entered > LEASE_SECONDS / 2:
            self.close(made=False)
            rule = f"a move ends within {LEASE_SECONDS / 2:.0f} s of its entry"
            raise ReleaseError(RELEASE_MODEL, rule, "run the command again")

    def close(self, made: bool) -> None:
        """Say in the history whether the move was made."""
        self._history._close(self._number, DONE if made else VOID)


def _is_under_way(entry: ModelVersion) -> bool:
    if time.time() - entry.creation_timestamp / 1000 > LEASE_SECONDS:
        return False
    host, _, process_id = str(entry.tags.get(PROCESS_TAG, "")).rpartition(":")
    return host != socket.gethostname() or is_running(int(process_id))


def _this_process() -> str:
    return f"{socket.gethostname()}:{os.getpid()}"


def _move_of(entry: ModelVersion) -> Promotion:
    return Promotion.from_tags(entry.tags, f"{HISTORY_MODEL} version {entry.version}")
