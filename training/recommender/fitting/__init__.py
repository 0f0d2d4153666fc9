"""Losses, optimizers, checkpoints, training; ``direct`` has it in five lines of Python."""
