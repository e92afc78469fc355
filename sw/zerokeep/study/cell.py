"""One cell, done: what it takes is plain data, what it gives is one JSON line."""

from __future__ import annotations

import hashlib
import tempfile
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

from zerokeep.errors import UserError
from zerokeep.study.plan import BaseSpec, Cell
from zeroskip.files.reading import read_bytes
from zeroskip.files.writing import write_bytes

ENGINES = ("dense", "skip-weights", "skip-both")


def train_base(spec: BaseSpec, data_folder: str | None) -> bytes:
    """A base network's weights, trained, as a safetensors file."""
    from zerokeep.data import load
    from zerokeep.train import train

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "base.safetensors"
        train(spec.network, load(data_folder), seed=spec.seed, epochs=spec.epochs, precision=spec.precision, out=path)
        return read_bytes(path)


def run_cell(cell: Cell, weights: bytes, data_folder: str | None, data_name: str) -> dict[str, Any]:
    """The line of a cell.

    Parameters
    ----------
    cell
        What to do.
    weights
        Of its base network, as a safetensors file.
    data_folder, data_name
        Of the data set; what is found must have that name, or the cells could not be compared.

    Returns a JSON object: `key`, `grid`, `base`, `recipe`, `accuracy`, `counts`, `totals`, `cycles`, `calibration`,
    `data`, versions, seconds.

    Raises
    ------
    UserError
        The data are others, or the recipe cannot be done.
    """
    from zerokeep.counts import layer_counts, totals
    from zerokeep.data import load
    from zerokeep.models import load_base
    from zerokeep.pipeline import carry_out, shapes_of, tool_versions
    from zerokeep.quantise import CALIBRATION_IMAGES
    from zerokeep.scales import BINS

    started = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "base.safetensors"
        write_bytes(path, weights)
        base = load_base(path)
    data = load(data_folder)
    if data.name != data_name:
        raise UserError(f"the study's data are {data_name!r}, here are {data.name!r}")
    data = data.fitted(base.input_shape or data.shape)
    found = carry_out(base, data, cell.recipe)
    rows = layer_counts(found.network, shapes_of(base.module))
    return {
        "key": cell.key, "grid": cell.grid, "network": cell.base.network, "criterion": cell.recipe.criterion,
        "nzer_orig_asked": cell.recipe.nzer_orig, "seed": cell.recipe.seed,
        "base": asdict(cell.base) | {"sha256": hashlib.sha256(weights).hexdigest()},
        "recipe": cell.recipe.as_dict(len(data.train_images)), "accuracy": found.accuracy, "counts": rows,
        "totals": totals(rows), "cycles": _cycles(cell, found.network, data.test_images),
        "calibration": {"images": CALIBRATION_IMAGES, "bins": BINS},
        "data": {"name": data.name, "train_images": len(data.train_images), "test_images": len(data.test_images)},
        "tool_versions": tool_versions(), "seconds": round(time.monotonic() - started, 1),
    }  # fmt: skip


def _cycles(cell: Cell, network: Any, images: Any) -> dict[str, Any]:
    """Predicted cycles by engine: `total` and `end_to_end` over all layers, and each layer's total."""
    from zerokeep import integer
    from zerokeep.prediction import predict_layer
    from zeroskip.spec.config import PRESETS

    layers = integer.layer_inputs(network, images[: cell.images])
    found: dict[str, Any] = {"preset": cell.preset, "images": cell.images}
    for engine in ENGINES:
        own = [predict_layer(layer, PRESETS[cell.preset], engine) for _, layer in layers]
        found[engine] = {"total": sum(entry["total"] for entry in own),
                         "end_to_end": sum(entry["end_to_end"] for entry in own),
                         "layers": [entry["total"] for entry in own]}
    return found
