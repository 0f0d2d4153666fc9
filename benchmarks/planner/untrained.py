"""The same architecture from random weights: what is left of a base model without its training.

`python -m benchmarks.planner.untrained BASE FOLDER` writes to FOLDER a model of BASE's architecture
with random weights, and BASE's tokenizer. Where it does as well as BASE, nothing that BASE had read
before was of use.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch
from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer

from training.planner.base.base_model import save_base


def main() -> None:
    """Read the command line and make the model."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("base", type=Path, help="a model folder")
    parser.add_argument("folder", type=Path, help="where the other goes")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    make_untrained(arguments.base, arguments.folder, arguments.seed)


def make_untrained(base: Path, folder: Path, seed: int) -> None:
    """Save a model of the architecture of ``base``, its weights drawn at random, as float32."""
    config = AutoConfig.from_pretrained(base)
    with torch.random.fork_rng():  # transformers draws from the global generator: seed, restore
        torch.manual_seed(seed)
        model = AutoModelForCausalLM.from_config(config, dtype=torch.float32)
    save_base(model, AutoTokenizer.from_pretrained(base), folder)


if __name__ == "__main__":
    main()
