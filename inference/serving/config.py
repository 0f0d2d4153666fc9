"""Settings of the recommendation service."""

from __future__ import annotations

from pydantic import Field

from training.config import Config


class ServingConfig(Config):
    """How the service listens, what a request gets by default, how it follows releases.

    Attributes:
        host: address to listen on; the default is reachable from this machine only.
        port: TCP port.
        count: items in an answer unless the request names another number.
        max_count: items that a request may ask for at most.
        exploration_share: share of an answer that comes from planned novel clusters.
        planned_clusters: novel clusters that the recommender is restricted to.
        poll_seconds: time between two looks at the champion alias.
        probes: users and table rows looked up before a release is taken in.
        event_log: file that every event goes to first; what writes events on one machine shares it.
        live_events: newest events of a user that the live view holds.
        forgotten_users: list of people who asked to be forgotten; their rows may be absent.
        heal_seconds: time between two looks for events that the live view does not hold yet.
        cached_rows: table rows of the current release kept in memory; they never change.
    """

    host: str = "127.0.0.1"
    port: int = Field(default=8000, ge=1, le=65535)
    count: int = Field(default=10, ge=1)
    max_count: int = Field(default=100, ge=1)
    exploration_share: float = Field(default=0.2, ge=0, le=1)
    planned_clusters: int = Field(default=5, ge=1)
    poll_seconds: float = Field(default=2.0, gt=0)
    probes: int = Field(default=200, ge=2)
    event_log: str = "var/events/events.db"
    live_events: int = Field(default=200, ge=1)
    forgotten_users: str = "pipelines/sources/forgotten_users.txt"
    heal_seconds: float = Field(default=1.0, gt=0)
    cached_rows: int = Field(default=50_000, ge=0)
