"""What one step of fine-tuning costs under each setting of ``planner.hardware``.

`python -m benchmarks.planner.base_models FOLDER` makes an untrained model of 12 layers and 768
dimensions in FOLDER and reads one batch of 16 prompts over 64 clusters with it, each setting in a
process of its own: seconds, peak memory beyond the loaded model's, the loss, and how far the
gradient is from that of the first row. `--base` takes another model, a folder or a Hugging Face id.
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
from training.planner.config import HardwareConfig, PlannerConfig
from training.planner.data.planner_data import PlannerData
from training.planner.data.transitions import read_transitions
from training.planner.tuning.batch import add_gradients, draw_batch
from training.planner.tuning.finetune import encode_descriptions
from training.processes import join_process_group

SETTINGS = (
    HardwareConfig(dtype="float32"),
    HardwareConfig(dtype="float32", gradient_checkpointing=True),
    HardwareConfig(dtype="float32", micro_batch=4),
    HardwareConfig(dtype="float32", micro_batch=4, gradient_checkpointing=True),
    HardwareConfig(dtype="bfloat16"),
    HardwareConfig(dtype="float32", quantization="4bit"),
)
BATCH = 16
NAMES = ("setting", "seconds", "peak MB of the step", "loss", "gradient off by")


def main() -> None:
    """Measure every setting and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--base", help="a model folder or a Hugging Face id")
    parser.add_argument("--setting", type=int, help="one of them, in this process")
    arguments = parser.parse_args()
    if arguments.setting is not None:
        take_measured_step(arguments.folder, arguments.setting)
        return
    arguments.folder.mkdir(parents=True, exist_ok=True)
    if arguments.base:
        write_reference(refer_to_base(arguments.base), arguments.folder)
    else:
        make_base(arguments.folder)
    rows = []
    for number, setting in enumerate(SETTINGS):
        if setting.quantization == "none" or is_bitsandbytes_available():
            command = [
                sys.executable,
                "-m",
                "benchmarks.planner.base_models",
                str(arguments.folder),
            ]
            subprocess.run([*command, "--setting", str(number)], check=True)
            rows.append(row_of(arguments.folder, number))
    print(to_markdown(NAMES, rows))


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


def take_measured_step(folder: Path, number: int) -> None:
    """Read one batch forwards and backwards, and write down what it took."""
    config = PlannerConfig(hardware=SETTINGS[number], batch_size=BATCH)
    group = join_process_group(config.hardware.device, "planner.hardware.device")
    world = co_interest_world(n_users=300)
    model, tokenizer = load_base(folder, config.hardware)
    model = add_adapter(prepare_for_tuning(model, config.hardware), config.lora, seed=0)
    planner = Planner(model.train(), tokenizer)
    transitions = read_transitions(world.transitions, "train")
    data = PlannerData.of(transitions, len(world.descriptions), config)
    batch = draw_batch(data, len(world.descriptions), config, np.random.default_rng(0))
    tokens = encode_descriptions(planner, world.descriptions)
    weights = [weight for weight in model.parameters() if weight.requires_grad]
    before, started = peak_megabytes(), time.perf_counter()
    loss = add_gradients(planner, tokens, batch, data, config, weights, group)
    gradient = torch.cat([weight.grad.flatten() for weight in weights]).cpu()
    seconds = time.perf_counter() - started
    figures = {"seconds": seconds, "memory": peak_megabytes() - before, "loss": loss}
    (folder / f"step-{number}.json").write_text(json.dumps(figures))
    np.save(folder / f"gradient-{number}.npy", gradient.numpy())


def peak_megabytes() -> float:
    """Return the most memory held so far, of the GPU where there is one, else of this process."""
    if torch.cuda.is_available():
        return torch.cuda.max_memory_allocated() / 2**20
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def row_of(folder: Path, number: int) -> tuple[str, ...]:
    """Return a setting's row of the table."""
    figures = json.loads((folder / f"step-{number}.json").read_text())
    first, found = (np.load(folder / f"gradient-{nth}.npy") for nth in (0, number))
    off = np.linalg.norm(found - first) / np.linalg.norm(first)
    changed = SETTINGS[number].model_dump(exclude_defaults=True)
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
