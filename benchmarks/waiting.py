"""Steps a second of a training loop of the planner's shape, by how OpenMP's threads wait.

``python -m benchmarks.waiting [SECONDS]`` prints one Markdown table: each way alone and beside one
and two processes that keep a processor busy. Ways take turns, so that other load hits all alike;
compare rows of one run.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from itertools import product

from benchmarks.markdown import to_markdown
from pipelines.io.processors import SPIN_COUNT, THREADS, WAITING

WAYS: dict[str, dict[str, str]] = {
    "libgomp's own spin": {"GOMP_SPINCOUNT": "300000"},
    f"a spin of {SPIN_COUNT:,} turns (ours)": {"GOMP_SPINCOUNT": str(SPIN_COUNT)},
    "a spin of 100,000 turns": {"GOMP_SPINCOUNT": "100000"},
    "passive": {"OMP_WAIT_POLICY": "PASSIVE"},
    "one thread": {"OMP_NUM_THREADS": "1"},
}
BUSY = (0, 1, 2)
TURNS = 3
LAYERS, WIDTH, HEADS, BATCH, LENGTH = 3, 128, 4, 64, 32


def loop(seconds: float) -> None:
    """Train a small transformer for so long; print steps and processor seconds as JSON."""
    import torch

    torch.manual_seed(0)
    layer = torch.nn.TransformerEncoderLayer(WIDTH, HEADS, 4 * WIDTH, batch_first=True)
    model = torch.nn.TransformerEncoder(layer, LAYERS, enable_nested_tensor=False)
    optimiser = torch.optim.AdamW(model.parameters())
    inputs = torch.randn(BATCH, LENGTH, WIDTH)  # [batch, position, width]
    steps, started, used = 0, 0.0, 0.0
    while True:
        if steps == 2:  # warm by now
            started, used = time.perf_counter(), time.process_time()
        optimiser.zero_grad()
        model(inputs).square().mean().backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        steps += 1
        if steps > 2 and time.perf_counter() - started >= seconds:
            break
    wall, processor = time.perf_counter() - started, time.process_time() - used
    print(json.dumps({"rate": (steps - 2) / wall, "cost": 1000 * processor / (steps - 2)}))


def measure(way: dict[str, str], busy: int, seconds: float) -> dict[str, float]:
    """Return rate and processor milliseconds a step of one loop beside ``busy`` processes."""
    environment = {k: v for k, v in os.environ.items() if k not in (*THREADS, *WAITING)} | way
    spin = [sys.executable, "-c", "while True: pass"]
    others = [subprocess.Popen(spin) for _ in range(busy)]
    try:
        command = [sys.executable, "-m", "benchmarks.waiting", "--loop", str(seconds)]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    finally:
        for other in others:
            other.kill()
            other.wait()
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def main(seconds: float) -> None:
    """Measure every way beside every load, in turns, and print the medians."""
    found: dict[tuple[str, int], list[dict[str, float]]] = {}
    for _ in range(TURNS):
        for busy, (name, way) in product(BUSY, WAYS.items()):
            found.setdefault((name, busy), []).append(measure(way, busy, seconds))
    rows = []
    for name in WAYS:
        cells = [sorted(found[name, busy], key=lambda one: one["rate"]) for busy in BUSY]
        middle = [each[len(each) // 2] for each in cells]
        rows.append((name, *(f"{one['rate']:.1f} ({one['cost']:.0f} ms)" for one in middle)))
    head = ("threads wait by", *(f"beside {busy}" for busy in BUSY))
    print("Steps a second (processor time a step):\n")
    print(to_markdown(head, rows))


if __name__ == "__main__":
    if sys.argv[1:2] == ["--loop"]:
        loop(float(sys.argv[2]))
    else:
        main(float(sys.argv[1]) if sys.argv[1:] else 5.0)
