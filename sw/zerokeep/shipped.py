"""Pruned, quantised networks that ship, so that nobody has to train to use the hardware."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import nn

from zerokeep import model_folder
from zerokeep.models import ASSETS
from zerokeep.recipe import Recipe

FOLDERS = ASSETS / "pruned"
FREE = ("precision", "epochs")
"""What may differ of a recipe: how it was computed, and passes, which follow from the number of images."""
FULL_SET = 60_000


def weights_digest(module: nn.Module) -> str:
    """SHA-256 of everything that a network has learnt."""
    found = hashlib.sha256()
    for name, value in module.state_dict().items():
        found.update(name.encode() + value.numpy().tobytes())
    return found.hexdigest()


def shipped_folders() -> list[Path]:
    """The model folders that ship."""
    return sorted(path for path in FOLDERS.glob("*") if (path / model_folder.DOCUMENT).is_file())


def made_by(recipe: Recipe, base: nn.Module) -> Path | None:
    """The folder that ships which this recipe made of this base network on the full data; ``None``: none did."""
    digest = weights_digest(base)
    for folder in shipped_folders():
        info = model_folder.read(folder).info
        if info["base"].get("sha256") == digest and _same(info["recipe"], recipe):
            return folder
    return None


def _same(recorded: Mapping[str, Any], recipe: Recipe) -> bool:
    wanted = recipe.as_dict(FULL_SET)
    epochs = recipe.epochs is None or recorded["epochs"] == recipe.epochs
    return epochs and all(recorded.get(key) == value for key, value in wanted.items() if key not in FREE)
