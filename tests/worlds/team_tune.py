"""Fine-tunes a tiny base model in one of several processes; a launcher starts this file in each.

`python -m torch.distributed.run --nproc_per_node 2 -m tests.worlds.team_tune FOLDER` reads the base
model in FOLDER/../base, and leaves in FOLDER each process's adapter, its curve and how many prompts
it was trained on.
"""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor

from tests.worlds.planner import planned_rule_world
from training.planner.base.model_io import load_base
from training.planner.config import HardwareConfig, PlannerConfig
from training.planner.data.transitions import read_transitions
from training.planner.tuning import batch as training_batch
from training.planner.tuning.batch import Batch, combined_loss
from training.planner.tuning.finetune import fine_tune
from training.processes import join_process_group

CONFIG = PlannerConfig(
    # float32: in bfloat16 the order of sums moves more than the last bits
    hardware=HardwareConfig(device="cpu", precision="float32", micro_batch=2),
    batch_size=7,
    listwise_choices=3,
    max_steps=10,
    evaluate_every=5,
)


def main(folder: Path) -> None:
    """Fine-tune, and write down what this process did."""
    torch.set_num_threads(1)
    n_prompts = 0

    def count(planner: object, tokens: object, batch: Batch, *others: object) -> Tensor:
        nonlocal n_prompts
        n_prompts += len(batch)
        return combined_loss(planner, tokens, batch, *others)  # type: ignore[arg-type]

    training_batch.combined_loss = count
    world = planned_rule_world(n_clusters=5, copies=1)
    splits = (read_transitions(world.transitions, split) for split in ("train", "validation"))
    base = load_base(folder.parent / "base", CONFIG.hardware)
    tuned = fine_tune(base, world.descriptions, *splits, CONFIG, seed=0)
    group = join_process_group("cpu", "planner.hardware.device")
    adapter = {name: w.detach() for name, w in tuned.model.named_parameters() if "lora_" in name}
    save_file(adapter, folder / f"adapter-{group.rank}.safetensors")
    curve = [asdict(point) for point in tuned.curve]
    content = {"size": group.world_size, "prompts": n_prompts, "curve": curve}
    (folder / f"work-{group.rank}.json").write_text(json.dumps(content))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
