"""The service as it answers everybody for the first time: no plan and no history's state is kept.

`python -m benchmarks.serving.nothing_kept --port 8000`: what is kept is held against it.
"""

from __future__ import annotations

import argparse

from inference.release import loaded_release
from pipelines.online.serve import serve
from training.recommender.model import recommender

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    port = parser.parse_args().port
    loaded_release.KEPT_PLANS = recommender.KEPT_STATES = 0
    serve(port=port)
