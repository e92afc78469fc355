"""What stands in a report beside a run: boards' builds, energy on gates, and the break-even of zero-skipping."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from zerokeep.break_even import advantage, crossing
from zerokeep.errors import UserError
from zeroskip.files.folders import recover
from zeroskip.files.reading import ReadError, read_json
from zeroskip.layer import Layer

_MANIFEST = ("board", "device", "preset", "kind", "clock_mhz_asked", "clock_mhz_reached", "clock_mhz_by_seed", "seed",
             "link")
_ENERGY = ("network", "weights_sha256", "node", "period_ns", "preset", "multipliers", "images", "memory_table",
           "layers", "whole", "saved")
CELLS = {"LUT": "TRELLIS_COMB", "FF": "TRELLIS_FF", "DSP": "MULT18X18D", "BRAM": "DP16KD"}


def weights_digest(layers: Mapping[str, Layer]) -> str:
    """SHA-256 over the weights of layers by name: what a measurement says of the network that it was made on."""
    found = hashlib.sha256()
    for name, layer in layers.items():
        found.update(name.encode() + layer.weight.tobytes())
    return found.hexdigest()


def read_board(folder: Path) -> dict[str, Any]:
    """A board's build: what its manifest says, and ``used``: cells that are taken and there.

    Raises
    ------
    UserError
        The folder is not one of `zerokeep build`.
    """
    from zeroskip.boards.build import listed

    recover(folder, listed)
    manifest, resources = (_read(folder / name, "a folder of 'zerokeep build'")
                           for name in ("manifest.json", "resources.json"))
    try:
        packed = resources["after_packing"]
        used = {name: [packed[cell]["used"], packed[cell]["available"]] for name, cell in CELLS.items()}
        return {key: manifest[key] for key in _MANIFEST} | {"used": used}
    except (KeyError, TypeError):
        raise UserError(f"{folder} is no whole folder of 'zerokeep build'") from None


def read_energy(file: Path, weights_sha256: str | None = None) -> dict[str, Any]:
    """What `zerokeep energy --json` wrote of the layers of a network: of the one with these weights, where given.

    Raises
    ------
    UserError
        It is something else, or of another network.
    """
    found = _read(file, "a file of 'zerokeep energy --json'")
    missing = [name for name in _ENERGY if name not in found]
    if missing:
        raise UserError(f"{file} has no {missing[0]}: make it with 'zerokeep energy FOLDER --json FILE'")
    if weights_sha256 not in (None, found["weights_sha256"]):
        raise UserError(f"{file} was measured on another network ({found['network']}, weights "
                        f"{str(found['weights_sha256'])[:12]}) than this run's ({str(weights_sha256)[:12]})")
    return found


def _read(file: Path, wanted: str) -> dict[str, Any]:
    try:
        found = read_json(file)
    except ReadError as error:
        raise UserError(f"cannot read {file}, expected in {wanted}: {error}") from None
    if not isinstance(found, dict):
        raise UserError(f"{file} is not {wanted}")
    return found


def break_even(predicted: Mapping[str, Any], resources: Mapping[str, Any],
               energy: Mapping[str, Any] | None) -> dict[str, Any]:
    """By what is weighed: the dense engine's cost over that of skip-both, over the density; where it falls below 1.

    ``cycles``; ``per_lut``, cycles times LUTs; ``energy``, where a sweep over densities was measured.
    """
    points: Sequence[Mapping[str, Any]] = predicted["points"]
    curves = {"cycles": advantage(points, lambda point, engine: point["cycles"][engine])}
    if {"dense", "skip-both"} <= set(resources):
        curves["per_lut"] = advantage(
            points, lambda point, engine: point["cycles"][engine] * resources[engine]["LUT"])
    sweep = (energy or {}).get("densities")
    if sweep is not None:
        curves["energy"] = advantage(sweep["points"], lambda point, engine: point["engines"][engine]["total_pj"])
    return {"layer": predicted["layer"], "energy_layer": sweep and sweep["layer"], "curves": curves,
            "crossing": {name: crossing(curve) for name, curve in curves.items()}}
