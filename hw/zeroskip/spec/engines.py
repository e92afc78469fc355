"""Engines, ways to run a layer; and the kinds of hardware that run them."""

from __future__ import annotations

from collections.abc import Iterable

ENGINES = ("dense", "gate", "skip-weights", "skip-both")
KINDS = {"dense": "dense", "gate": "dense-gate", "skip-weights": "zero-skip", "skip-both": "zero-skip"}
"""Which hardware runs an engine."""
ENGINE_KINDS = tuple(dict.fromkeys(KINDS.values()))
CHOICES = {"auto": ("dense", "skip-both")}
"""Names that leave the engine to the packer, and what it chooses from; of equals the first."""
NAMES = (*ENGINES, *CHOICES)
"""Every name that an engine can be asked for by."""


def choices(engines: Iterable[str]) -> tuple[str, ...]:
    """The engines that names stand for, each once: those that the hardware must be there for."""
    return tuple(dict.fromkeys(own for name in engines for own in CHOICES.get(name, (name,))))
