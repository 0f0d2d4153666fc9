"""RecTools' SASRec in an environment of its own: the rival of `benchmarks/recommender/compare.py`.

Run by that benchmark and by nobody else, since RecTools needs numpy below 2. It reads a folder
(`train.csv`: user, item, position in the sequence; `settings.json`), then one line on standard
input for each epoch it may train, answers with its seconds, on the wall and of the processor, and
leaves its ranking as `ranking.csv`. It imports nothing of this project.
"""

from __future__ import annotations

import json
import logging
import sys
import time
import warnings
from pathlib import Path

import pandas as pd
import torch
from pytorch_lightning import Callback, Trainer, seed_everything
from rectools import Columns
from rectools.dataset import Dataset
from rectools.models import SASRecModel


class OneEpochAtATime(Callback):  # type: ignore[misc]  # it may be absent
    """Waits for a line before each epoch and tells how long it took."""

    def on_train_epoch_start(self, trainer: Trainer, module: object) -> None:
        """Wait, then start the clock."""
        sys.stdin.readline()
        self._started, self._used = time.perf_counter(), time.process_time()

    def on_train_epoch_end(self, trainer: Trainer, module: object) -> None:
        """Tell the seconds on the wall and of the processor."""
        wall, used = time.perf_counter() - self._started, time.process_time() - self._used
        print(json.dumps({"seconds": [wall, used]}), flush=True)


def make_trainer(epochs: int) -> Trainer:
    """Return Lightning's trainer as RecTools makes it, with the callback."""
    return Trainer(
        max_epochs=epochs,
        min_epochs=epochs,
        deterministic=True,
        enable_progress_bar=False,
        enable_model_summary=False,
        logger=False,
        enable_checkpointing=False,
        accelerator="cpu",
        devices=1,
        callbacks=[OneEpochAtATime()],
    )


def main(folder: Path) -> None:
    """Train as told, then rank for every user, what was seen left out."""
    warnings.filterwarnings("ignore")
    logging.getLogger("pytorch_lightning").setLevel(logging.ERROR)
    settings = json.loads((folder / "settings.json").read_text(encoding="utf-8"))
    torch.set_num_threads(settings["threads"])
    seed_everything(settings["seed"], workers=True)
    frame = pd.read_csv(folder / "train.csv", dtype={"user": str, "item": str})
    interactions = pd.DataFrame(
        {
            Columns.User: frame["user"],
            Columns.Item: frame["item"],
            Columns.Weight: 1.0,
            Columns.Datetime: pd.Timestamp("2020-01-01") + pd.to_timedelta(frame["position"], "s"),
        }
    )
    dataset = Dataset.construct(interactions)
    epochs = settings["epochs"]
    model = SASRecModel(
        **settings["model"],
        loss="softmax",
        epochs=epochs,
        deterministic=True,
        get_trainer_func=lambda: make_trainer(epochs),
        recommend_torch_device="cpu",
    )
    print(json.dumps({"ready": True}), flush=True)
    model.fit(dataset)
    ranked = model.recommend_items(
        users=interactions[Columns.User].unique(), dataset=dataset, k=10, filter_viewed=True
    )
    ranked.sort_values([Columns.User, Columns.Rank])[[Columns.User, Columns.Item]].to_csv(
        folder / "ranking.csv", index=False, header=["user", "item"]
    )
    print(json.dumps({"done": True}), flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
