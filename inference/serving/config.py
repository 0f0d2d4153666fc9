"""Settings of the recommendation service."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from inference.serving.exploration.arms import ServedArm, check_arms
from inference.serving.exploration.config import ExplorationPolicy
from training.config import Config

ArmName = Annotated[str, Field(pattern=r"^[a-z0-9_-]{1,40}$")]
"""Stands in answers, in logs and as a label of metrics."""


class ServingConfig(Config):
    """How the service listens, what a request gets by default, how it follows releases.

    Attributes:
        host: address to listen on; the default is reachable from this machine only.
        port: TCP port.
        count: items in an answer unless the request names another number.
        max_count: items that a request may ask for at most.
        exploration_share: share of an answer that comes from planned novel clusters.
        blend: ``share`` explores as much as ``exploration_share`` says. ``calibrated`` follows what
            `explorer calibrate-share` last set in the registry, and until then that setting.
        planned_clusters: novel clusters that explored positions are drawn from.
        poll_seconds: time between two looks at the champion alias.
        probes: users and table rows looked up before a release is taken in.
        event_log: file that every event goes to first; what writes events on one machine shares it.
            Empty, the service takes no events and no choices: where another machine does.
        live_events: newest events of a user that the live view holds.
        forgotten_users: list of people who asked to be forgotten; their rows may be absent.
        heal_seconds: time between two looks for events that the live view does not hold yet.
        cached_rows: table rows of the current release kept in memory; they never change.
        workers: processes that share the port, each with a release in memory.
        request_threads: threads that answer requests; 0 answers them one after another, which is
            fastest unless a plugged-in recommender waits for others.
        max_body_bytes: larger bodies are refused before they are read.
        body_seconds: how long a client may take to send a body.
        grace_seconds: how long requests under way may take when the service is to end.
        store_seconds: how long a read may wait for a store that does not answer.
        store_check_seconds: time between two looks whether the store has the release's rows.
        exploration: how explored positions are filled.
        shown_clusters: file in which it is remembered who was shown what, for all processes of a
            machine and for the next service there. Empty, each process remembers for itself.
        arms: parts of the people for whom other defaults hold, by name; who is in none is in arm
            ``default``. Every answer and the metrics of answers name the arm.
        arms_salt: decides with a person's id in which arm they are: another one deals anew.
        log_impressions: whether each list leaves a line in the log that says whom it was for, its
            arm, and every item with its position, list and probability.
        api_keys: file of the keys that requests need; empty, everybody who reaches the port may
            ask: behind a proxy that knows its callers, or on one machine.
    """

    host: str = "127.0.0.1"
    port: int = Field(default=8000, ge=1, le=65535)
    count: int = Field(default=10, ge=1)
    max_count: int = Field(default=100, ge=1)
    exploration_share: float = Field(default=0.2, ge=0, le=1)
    blend: Literal["share", "calibrated"] = "share"
    planned_clusters: int = Field(default=10, ge=1)
    poll_seconds: float = Field(default=2.0, gt=0)
    probes: int = Field(default=200, ge=2)
    event_log: str = "var/events/events.db"
    live_events: int = Field(default=200, ge=1)
    forgotten_users: str = "var/forgotten_users.txt"
    heal_seconds: float = Field(default=1.0, gt=0)
    cached_rows: int = Field(default=50_000, ge=0)
    workers: int = Field(default=1, ge=1, le=256)
    request_threads: int = Field(default=0, ge=0, le=256)
    max_body_bytes: int = Field(default=2_000_000, ge=1)
    body_seconds: float = Field(default=10.0, gt=0)
    grace_seconds: int = Field(default=15, ge=1)
    store_seconds: float = Field(default=0.25, gt=0)
    store_check_seconds: float = Field(default=5.0, gt=0)
    exploration: ExplorationPolicy = ExplorationPolicy()
    shown_clusters: str = "var/shown_clusters.db"
    arms: dict[ArmName, ServedArm] = Field(default={})
    arms_salt: str = ""
    log_impressions: bool = False
    api_keys: str = ""

    @model_validator(mode="after")
    def _check_arms(self) -> Self:
        check_arms(self.arms)
        return self
