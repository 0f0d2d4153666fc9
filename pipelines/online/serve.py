"""The recommendation service over this tree's stores."""

from __future__ import annotations

import logging

import torch
import uvicorn

from inference.features.online_features import FeatureReader
from inference.release.plug_in import PlugIn, keep_ours
from inference.release.release_source import ReleaseSource
from inference.serving.app import create_app
from inference.serving.release_loader import ReleaseLoader
from pipelines.online.feature_store import open_store
from pipelines.online.live_events import open_live_view
from pipelines.params.params import read_params
from pipelines.release.tracking import open_tracking, tracking_uri


def serve(plug_in: PlugIn = keep_ours) -> None:
    """Serve the champion release until interrupted, with a team's own recommender if it has one."""
    config = read_params().serving
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s: %(message)s")
    logging.getLogger("alembic").setLevel(logging.WARNING)
    torch.set_num_threads(1)  # requests run beside one another, each is small
    open_tracking()
    reader = FeatureReader(open_store, config.cached_rows)
    loader = ReleaseLoader(ReleaseSource(tracking_uri()), reader, config, plug_in)
    print(f"recommendations and events on http://{config.host}:{config.port} (ends with Ctrl-C)")
    live = open_live_view(config)
    uvicorn.run(create_app(loader, reader, config, live), host=config.host, port=config.port)
