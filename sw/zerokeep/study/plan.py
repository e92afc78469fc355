"""What a study file asks for: every base network and every cell, checked before any work."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from zerokeep.errors import UserError, check_count
from zerokeep.recipe import PRECISIONS, Recipe
from zeroskip.files.names import shown
from zeroskip.files.reading import ReadError, read_toml

RECIPE_KEYS = frozenset(field.name for field in fields(Recipe)) - {"criterion", "seed", "nzer_orig"}
STUDY_KEYS = {"preset": str, "images": int, "data": str, "training": dict, "recipe": dict, "grid": list}
TRAINING_KEYS = {"epochs": int, "precision": str, "seeds": list}
MOST_CELLS = 100_000
GRID_KEYS = {"name": str, "network": str, "criteria": list, "nzer_orig": list, "seeds": list, "recipe": dict}


@dataclass(frozen=True, kw_only=True)
class BaseSpec:
    """A base network: which, and how it is trained."""

    network: str
    epochs: int
    precision: str
    seed: int

    @property
    def key(self) -> str:
        """What names it among others."""
        return f"{self.network}-seed{self.seed}-epochs{self.epochs}-{self.precision}"


@dataclass(frozen=True, kw_only=True)
class Cell:
    """One run: a base network, a recipe, and the array that its cycles are predicted for.

    Parameters
    ----------
    grid
        The name of the grid that it belongs to.
    base
        The base network.
    recipe
        With criterion, level and seed in it.
    asked
        What the study file said of the recipe, as JSON.
    preset, images
        Of the cycle model: the array, and how many test images.
    """

    grid: str
    base: BaseSpec
    recipe: Recipe
    asked: str
    preset: str
    images: int

    @property
    def key(self) -> str:
        """SHA-256 of what the study file says of it; so a recipe that learns to be told more leaves it as it is."""
        own = {"criterion": self.recipe.criterion, "nzer_orig": self.recipe.nzer_orig, "seed": self.recipe.seed}
        text = json.dumps([self.grid, asdict(self.base), own, self.asked, self.preset, self.images], sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:16]


@dataclass(frozen=True, kw_only=True)
class StudyPlan:
    """All cells of a study, in order, and the folder of its data (``None``: what is installed or shipped)."""

    cells: tuple[Cell, ...]
    data: str | None

    def bases(self) -> list[BaseSpec]:
        """Every base network once, in order."""
        return list(dict.fromkeys(cell.base for cell in self.cells))


def read_plan(path: Path) -> StudyPlan:
    """The plan of a study file.

    Raises
    ------
    UserError
        It cannot be read, or has a key or a value that is wrong; the message names it.
    """
    try:
        document = read_toml(path)
    except ReadError as error:
        raise UserError(f"the study file {error}") from None
    try:
        return _plan(document)
    except UserError as error:
        raise UserError(f"the study file {path}: {error}") from None


def _plan(document: Mapping[str, Any]) -> StudyPlan:
    from zeroskip.spec.config import PRESETS

    _check(document, STUDY_KEYS, "")
    preset, images = document.get("preset", "base"), document.get("images", 8)
    check_count("images", images, 1)
    if preset not in PRESETS:
        raise UserError(f"preset {preset!r} is none of {', '.join(PRESETS)}")
    training = {"epochs": 10, "precision": "float32", "seeds": [0]} | document.get("training", {})
    _check(training, TRAINING_KEYS, "training.")
    check_count("training.epochs", training["epochs"], 1)
    if training["precision"] not in PRECISIONS:
        raise UserError(f"training.precision {training['precision']!r} is none of {', '.join(PRECISIONS)}")
    grids = document.get("grid", [])
    if not grids:
        raise UserError("it has no [[grid]]")
    count = sum(_size(grid) for grid in grids)
    if count > MOST_CELLS:
        raise UserError(f"it has {count:,} cells, expected at most {MOST_CELLS:,}")
    cells = [cell for number, grid in enumerate(grids, start=1)
             for cell in _cells(grid, number, document.get("recipe", {}), training, preset, images)]
    return StudyPlan(cells=tuple(cells), data=document.get("data"))


def _size(grid: Any) -> int:
    """How many cells a grid has, where it is one."""
    lists = [grid.get(key, [None]) for key in ("seeds", "nzer_orig", "criteria")] if isinstance(grid, dict) else []
    return math.prod(len(own) for own in lists if isinstance(own, list))


def _cells(grid: Any, number: int, common: Mapping[str, Any], training: Mapping[str, Any], preset: str,
           images: int) -> list[Cell]:
    """The cells of one grid: level by level, criterion by criterion, seeds outermost, so that all grow alike."""
    from zerokeep.models import MODELS

    where = f"grid {number}"
    if not isinstance(grid, dict):
        raise UserError(f"{where} is no table")
    _check(grid, GRID_KEYS, f"{where}: ")
    missing = [key for key in ("name", "network", "criteria", "seeds") if key not in grid]
    if missing:
        raise UserError(f"{where} lacks {missing[0]!r}")
    if grid["network"] not in MODELS:
        raise UserError(f"{where}: network {grid['network']!r} is none of {', '.join(MODELS)}")
    recipe = dict(common) | grid.get("recipe", {})
    _check(recipe, dict.fromkeys(RECIPE_KEYS, object), f"{where}: recipe.")
    bases = [BaseSpec(network=grid["network"], epochs=training["epochs"], precision=training["precision"], seed=seed)
             for seed in _seeds(training["seeds"], "training.seeds")]
    for key in ("criteria", "nzer_orig"):
        if not grid.get(key, [None]):
            raise UserError(f"{where}: {key} is empty")
    found = []
    for seed in _seeds(grid["seeds"], f"{where}: seeds"):
        for level in grid.get("nzer_orig", [None]):
            for criterion in grid["criteria"]:
                try:
                    own = Recipe(**recipe, criterion=criterion, nzer_orig=level, seed=seed)
                except (TypeError, UserError) as error:
                    raise UserError(f"{where}: {shown(error)}") from None
                found.append(Cell(grid=grid["name"], base=bases[seed % len(bases)], recipe=own, preset=preset,
                                  asked=json.dumps(recipe, sort_keys=True), images=images))
    return found


def _seeds(values: list[Any], what: str) -> list[int]:
    if not values:
        raise UserError(f"{what} is empty")
    return [check_count(what, value, 0) for value in values]


def _check(given: Mapping[str, Any], known: Mapping[str, type], where: str) -> None:
    """Every key is known and its value of the right type."""
    for key, value in given.items():
        if key not in known:
            raise UserError(f"{where}{shown(key, 80)} is no key here; there is {', '.join(sorted(known))}")
        if not isinstance(value, known[key]):
            raise UserError(f"{where}{key} must be a {known[key].__name__}, not {shown(repr(value), 80)}")
