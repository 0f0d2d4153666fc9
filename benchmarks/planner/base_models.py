"""What one step of fine-tuning costs under settings of ``planner.hardware`` and ``planner.lora``.

`python -m benchmarks.planner.base_models FOLDER` makes an untrained model of 12 layers and 768
dimensions in FOLDER and reads one batch of 16 prompts over 64 clusters with it, each setting in a
process of its own: seconds, peak memory beyond the loaded model's, the loss, and how far the
gradient is from that of the first row, where both have one. Where layers are left without an
adapter the same batch is read twice, and the second time counts. `--base` takes another model, a
folder or a Hugging Face id; `--layers` says how many upper ones the last rows tune.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import torch
from transformers import LlamaConfig, LlamaForCausalLM
from transformers.utils import is_bitsandbytes_available

from benchmarks.markdown import to_markdown
from tests.worlds.planner import co_interest_world
from training.planner.base.adapter_io import add_adapter
from training.planner.base.base_model import save_base
from training.planner.base.base_reference import refer_to_base, write_reference
from training.planner.base.hardware import prepare_for_tuning
from training.planner.base.model_io import Planner, load_base
from training.planner.base.tokenizer import train_tokenizer
from training.planner.config import HardwareConfig, LoraSettings, PlannerConfig
from training.planner.data.planner_data import PlannerData
from training.planner.data.transitions import read_transitions
from training.planner.tuning.batch import add_gradients, draw_batch
from training.planner.tuning.finetune import encode_descriptions
from training.planner.tuning.lower_layers import LowerLayers
from training.processes import join_process_group

EXACT = HardwareConfig(dtype="float32", precision="float32")
WHOLE = (
    EXACT,
    EXACT.model_copy(update={"gradient_checkpointing": True}),
    EXACT.model_copy(update={"micro_batch": 4}),
    EXACT.model_copy(update={"micro_batch": 4, "gradient_checkpointing": True}),
    HardwareConfig(dtype="bfloat16"),
    HardwareConfig(dtype="float32"),
    EXACT.model_copy(update={"quantization": "4bit"}),
)
UPPER = (
    EXACT.model_copy(update={"cache_megabytes": 0}),
    EXACT,
    HardwareConfig(dtype="float32"),
)
LAYERS = 4
"""A third of the model that is made here."""
BATCH = 16
NAMES = ("setting", "seconds", "peak MB of the step", "loss", "gradient off by")


def main() -> None:
    """Measure every setting and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--base", help="a model folder or a Hugging Face id")
    parser.add_argument("--layers", type=int, default=LAYERS, help="that the last rows tune")
    parser.add_argument("--setting", type=int, help="one of them, in this process")
    arguments = parser.parse_args()
    settings = settings_of(arguments.layers)
    if arguments.setting is not None:
        take_measured_step(arguments.folder, arguments.setting, settings[arguments.setting])
        return
    arguments.folder.mkdir(parents=True, exist_ok=True)
    if arguments.base:
        write_reference(refer_to_base(arguments.base), arguments.folder)
    else:
        make_base(arguments.folder)
    rows = []
    command = [sys.executable, "-m", "benchmarks.planner.base_models", str(arguments.folder)]
    for number, setting in enumerate(settings):
        if setting.hardware.quantization == "none" or is_bitsandbytes_available():
            own = ["--setting", str(number), "--layers", str(arguments.layers)]
            subprocess.run([*command, *own], check=True)
            rows.append(row_of(arguments.folder, number, setting))
    print(to_markdown(NAMES, rows))


def settings_of(layers: int) -> list[PlannerConfig]:
    """Return the settings of each row; the last ones tune only so many upper layers."""
    whole = PlannerConfig(batch_size=BATCH, listwise_weight=1.0)  # so that descriptions are scored
    upper = whole.model_copy(update={"lora": LoraSettings(layers=layers)})
    rows = [(whole, hardware) for hardware in WHOLE] + [(upper, hardware) for hardware in UPPER]
    return [config.model_copy(update={"hardware": hardware}) for config, hardware in rows]


def make_base(folder: Path) -> None:
    """Save an untrained model and its tokenizer."""
    descriptions = co_interest_world().descriptions
    tokenizer = train_tokenizer(descriptions * 3, descriptions, vocabulary=2000)
    sizes = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=768,
        intermediate_size=2048,
        num_hidden_layers=12,
        num_attention_heads=12,
        tie_word_embeddings=True,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    torch.manual_seed(0)
    save_base(LlamaForCausalLM(sizes), tokenizer, folder)


def take_measured_step(folder: Path, number: int, config: PlannerConfig) -> None:
    """Read one batch forwards and backwards, and write down what it took."""
    group = join_process_group(config.hardware.device, "planner.hardware.device")
    world = co_interest_world(n_users=300)
    model, tokenizer = load_base(folder, config.hardware)
    model = add_adapter(prepare_for_tuning(model, config.hardware), config.lora, seed=0)
    planner = Planner(model.train(), tokenizer)
    transitions = read_transitions(world.transitions, "train")
    data = PlannerData.of(transitions, len(world.descriptions), config)
    batch = draw_batch(data, len(world.descriptions), config, np.random.default_rng(0))
    tokens = encode_descriptions(planner, world.descriptions)
    named = {name: weight for name, weight in model.named_parameters() if weight.requires_grad}
    weights = list(named.values())
    before, lower = peak_megabytes(), LowerLayers.of(model, config)
    for _ in range(2 if lower else 1):
        for weight in weights:
            weight.grad = None
        started = time.perf_counter()
        loss = add_gradients(planner, tokens, batch, data, config, weights, group, lower)
        seconds = time.perf_counter() - started
    gradients = {name: weight.grad.cpu().numpy() for name, weight in named.items()}
    figures = {"seconds": seconds, "memory": peak_megabytes() - before, "loss": loss}
    (folder / f"step-{number}.json").write_text(json.dumps(figures))
    np.savez(folder / f"gradients-{number}.npz", **gradients)


def peak_megabytes() -> float:
    """Return the most memory held so far, of the GPU where there is one, else of this process."""
    if torch.cuda.is_available():
        return torch.cuda.max_memory_allocated() / 2**20
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def row_of(folder: Path, number: int, config: PlannerConfig) -> tuple[str, ...]:
    """Return a setting's row of the table."""
    figures = json.loads((folder / f"step-{number}.json").read_text())
    with (
        np.load(folder / "gradients-0.npz") as before,
        np.load(folder / f"gradients-{number}.npz") as after,
    ):
        first = np.concatenate([before[name].ravel() for name in after])
        found = np.concatenate([after[name].ravel() for name in after])
    off = np.linalg.norm(found - first) / np.linalg.norm(first)
    changed = config.hardware.model_dump(exclude_defaults=True)
    adapter = config.lora.model_dump(exclude_defaults=True)
    changed |= {f"lora.{key}": value for key, value in adapter.items()}
    name = ", ".join(f"`{key}: {str(value).lower()}`" for key, value in changed.items())
    return (
        name,
        f"{figures['seconds']:.1f}",
        f"{figures['memory']:.0f}",
        f"{figures['loss']:.4f}",
        f"{off:.1e}",
    )


if __name__ == "__main__":
    main()
