"""What a fitted recommender is made of, and the folder that keeps it, without any pickle."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from pydantic import ValidationError
from safetensors.numpy import save_file as save_likes
from safetensors.torch import load_file, save_file

from expectations.contracts.durable import SCHEMA, schema_of
from expectations.contracts.errors import UserError
from training.recommender.config import RecommenderConfig
from training.recommender.data.array_files import map_arrays, read_arrays
from training.recommender.data.layout import ItemLayout
from training.recommender.data.neighbours import SequentialNeighbours
from training.recommender.model.model import SequenceTransformer, make_empty_model

WEIGHTS_FILE = "weights.safetensors"
CONFIG_FILE = "config.json"
ITEMS_FILE = "items.parquet"
NEIGHBOURS_FILE = "neighbours.safetensors"
LIKES_FILE, LIKES = "likes.safetensors", "likes"
FOLDER_SCHEMA = 3
"""1 was the same without the field; 2 without likes, whose absence stands for none."""


@dataclass(frozen=True)
class RecommenderParts:
    """The parts of one training run.

    Attributes:
        model: the transformer.
        layout: its items.
        config: how it was made.
        neighbours: the counting model; ``None`` where the transformer is alone.
        likes: how often each item was liked, int64 ``[n_items]``; ``None`` where nobody counted.
    """

    model: SequenceTransformer
    layout: ItemLayout
    config: RecommenderConfig
    neighbours: SequentialNeighbours | None
    likes: np.ndarray | None = None

    def save(self, folder: Path) -> None:
        """Write the parts into an existing folder."""
        save_file(self.model.state_dict(), folder / WEIGHTS_FILE)
        content = {
            SCHEMA: FOLDER_SCHEMA,
            "n_clusters": self.layout.n_clusters,
            "has_neighbours": self.neighbours is not None,
            "config": self.config.model_dump(),
        }
        text = json.dumps(content, indent=2, sort_keys=True)
        (folder / CONFIG_FILE).write_text(text + "\n", encoding="utf-8")
        self.layout.save(folder / ITEMS_FILE)
        if self.neighbours is not None:
            self.neighbours.save(folder / NEIGHBOURS_FILE)
        if self.likes is not None:
            save_likes({LIKES: self.likes.astype(np.int64)}, folder / LIKES_FILE)

    @classmethod
    def load(cls, folder: Path, is_mapped: bool = False) -> RecommenderParts:
        """Return the parts that :meth:`save` wrote.

        Args:
            folder: holds their files.
            is_mapped: arrays are maps of the files, which nobody writes to meanwhile; else copies.

        Raises:
            UserError: the folder lacks a file, or its parts do not fit together.
        """
        _require(folder, CONFIG_FILE, WEIGHTS_FILE, ITEMS_FILE)
        content = json.loads((folder / CONFIG_FILE).read_text(encoding="utf-8"))
        schema_of(content, FOLDER_SCHEMA, str(folder / CONFIG_FILE))
        absent = sorted({"n_clusters", "has_neighbours", "config"} - content.keys())
        if absent:
            rule = f"{CONFIG_FILE} says all that this version writes"
            raise UserError(str(folder), rule, "train the recommender again", f"no {absent[0]}")
        config = _read_config(folder, content["config"])
        layout = ItemLayout.load(folder / ITEMS_FILE, content["n_clusters"])
        model = make_empty_model(layout, config)
        neighbours, likes = None, None
        read = map_arrays if is_mapped else read_arrays
        try:
            # copies are made by torch, which aligns them: sums of its library may hang on that
            model.load_state_dict(load_file(folder / WEIGHTS_FILE), assign=is_mapped)
            if content["has_neighbours"]:
                _require(folder, NEIGHBOURS_FILE)
                file = folder / NEIGHBOURS_FILE
                neighbours = SequentialNeighbours.load(
                    file, layout.n_items, config.neighbours, read
                )
            if (folder / LIKES_FILE).is_file():
                likes = read(folder / LIKES_FILE)[LIKES]
                if likes.shape != (layout.n_items,):
                    raise ValueError(f"{len(likes)} likes of {layout.n_items} items")
        except (RuntimeError, ValueError, KeyError) as error:
            rule = "weights, neighbours, likes, config and items belong together"
            remedy = "restore the files of one training run, or train the recommender again"
            raise UserError(str(folder), rule, remedy, str(error)[:200]) from None
        return cls(model, layout, config, neighbours, likes)


def _read_config(folder: Path, content: object) -> RecommenderConfig:
    try:
        return RecommenderConfig.model_validate(content)
    except ValidationError as error:
        wrong = error.errors()[0]
        sample = f"{'.'.join(map(str, wrong['loc']))}: {wrong['msg']}"
        rule = f"{CONFIG_FILE} holds the settings of this version"
        raise UserError(str(folder), rule, "train the recommender again", sample) from None


def _require(folder: Path, *names: str) -> None:
    for name in names:
        if not (folder / name).is_file():
            remedy = "run the recommender stage again"
            raise UserError(str(folder), f"a recommender's folder holds {name}", remedy)
