"""The recommendation service over this tree's stores."""

from __future__ import annotations

import gc
import logging
import os
import signal
import socket
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

import torch
import uvicorn
from fastapi import FastAPI
from feast import FeatureStore
from starlette.types import ASGIApp
from uvicorn.supervisors import Multiprocess

from inference.features.online_features import FeatureReader
from inference.release.plug_in import PlugIn, keep_ours
from inference.release.release_copies import ReleaseCopies
from inference.release.release_source import ReleaseSource
from inference.serving.app import create_app
from inference.serving.config import ServingConfig
from inference.serving.http.api_keys import read_keys
from inference.serving.http.bounds import PatientProtocol
from inference.serving.http.metrics import SHARED
from inference.serving.release_loader import ReleaseLoader
from pipelines.online.feature_store import open_store
from pipelines.online.listener import bind
from pipelines.online.live_events import open_live_view
from pipelines.online.service_folder import service_folder
from pipelines.params.params import read_params
from pipelines.release.tracking import open_tracking, tracking_uri
from training.recommender.model.history_encoder import find_blas

WORKER_SECONDS = 120
"""A worker answers its parent once it has imported torch and Feast, after ten seconds and more.

Uvicorn would kill it after five, and the next one too, for ever.
"""


def serve(
    plug_in: PlugIn = keep_ours,
    host: str | None = None,
    port: int | None = None,
    workers: int | None = None,
    api_keys: str | None = None,
) -> None:
    """Serve the champion release until interrupted.

    Args:
        plug_in: puts a team's own recommender in place of ours; with several workers it is a
            function of a module, which each of them can import.
        host: in place of the one in ``params.yaml``, as are ``port``, ``workers`` and ``api_keys``.

    Raises:
        UserError: the address cannot be listened on, or nothing was published yet.
    """
    asked = {"host": host, "port": port, "workers": workers, "api_keys": api_keys}
    given = {name: value for name, value in asked.items() if value is not None}
    config = read_params().serving
    config = ServingConfig.model_validate(config.model_dump() | given)
    if config.api_keys:
        read_keys(
            Path(config.api_keys)
        )  # what is wrong with them is told here, not by each process
    # Python's own answer to this signal would leave the folder behind.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    # a taken port is told before anything is loaded
    with bind(config.host, config.port) as bound, service_folder() as folder:
        _run(config, plug_in, bound, folder)


def _run(config: ServingConfig, plug_in: PlugIn, bound: socket.socket, folder: Path) -> None:
    settings = server_settings(partial(make_app, config, plug_in, folder), config)
    print(f"recommendations and events on http://{config.host}:{config.port} (ends with Ctrl-C)")
    if config.workers == 1:
        uvicorn.Server(settings).run(sockets=[bound])
    else:
        open_reader(config)  # features that are not registered are told once, not by each process
        counted = folder / "metrics"
        counted.mkdir()
        os.environ.update(dict.fromkeys(SHARED, str(counted)))
        Multiprocess(settings, sockets=[bound]).run()


def server_settings(make: Callable[[], ASGIApp], config: ServingConfig) -> uvicorn.Config:
    """Return how applications of the service are served; each process makes its own."""
    return uvicorn.Config(
        make,
        factory=True,
        # uvloop takes one new connection a turn, so that under load they wait for seconds behind
        # those that are kept; asyncio takes all that wait, and answers as many requests a second
        loop="asyncio",
        http=PatientProtocol,
        ws="none",
        workers=config.workers,
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=config.grace_seconds,
        timeout_worker_healthcheck=WORKER_SECONDS,
    )


def make_app(config: ServingConfig, plug_in: PlugIn, folder: Path) -> FastAPI:
    """Return the application of one process, over the stores of the working directory.

    Args:
        config: of the service.
        plug_in: puts a team's own recommender in place of ours.
        folder: which all processes of the service share.
    """
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s: %(message)s")
    # a line names neither, so nothing looks them up for it
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False
    logging.getLogger("alembic").setLevel(logging.WARNING)
    torch.set_num_threads(1)  # requests run beside one another, each is small
    find_blas().limit(limits=1)
    open_tracking()
    reader = open_reader(config)
    copies = ReleaseCopies(folder / "releases")
    loader = ReleaseLoader(ReleaseSource(tracking_uri()), reader, config, plug_in, copies)
    live = open_live_view(config) if config.event_log else None
    gc.freeze()  # what was imported stays: looking through it for garbage would hold requests up
    return create_app(loader, reader, config, live, folder)


def open_reader(config: ServingConfig) -> FeatureReader:
    """Return what reads features for requests.

    Raises:
        UserError: nothing was published yet.
    """
    return FeatureReader(partial(open_for_reading, config.store_seconds), config.cached_rows)


def open_for_reading(seconds: float) -> FeatureStore:
    """Return the store for requests: no read waits longer than this for a server's answer."""
    store = open_store()
    online = store.config.online_store
    if hasattr(online, "connection_string"):
        bounds = f"socket_timeout={seconds},socket_connect_timeout={seconds}"
        online.connection_string = f"{online.connection_string},{bounds}"
    return store
