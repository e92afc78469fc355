"""The work of the benchmarks: the demo's network pruned, and how long engines take for it."""

from __future__ import annotations

from pathlib import Path

from zeroskip.layer import Layer
from zeroskip.spec.config import EngineConfig

FOLDER = Path("build/bench")
WHOLE = ("skip-weights", "skip-both")
"""Engines that run a network as one program."""


def demo_folder() -> Path:
    """The model folder of the demo's network, the one that ships."""
    from zerokeep.shipped import shipped_folders

    return next(folder for folder in shipped_folders() if folder.name == "vgg-small")


def demo_layers(folder: Path, images: int) -> dict[str, Layer]:
    """The layers of a model folder with the maps that the first test images give them."""
    from zerokeep import model_folder
    from zerokeep.data import load

    return {step.name: layer for step, layer in model_folder.layer_inputs(folder, load(None).test_images[:images])}


def demo_cycles(config: EngineConfig, engine: str) -> int:
    """Cycles for an image of the demo's network, by the models.

    On an engine of `WHOLE` from answer to answer of the network as one program, pooling and all else included; layer by
    layer with loading on the others, and where the network does not fit, the host's pooling not counted.
    """
    from zerokeep import integer, model_folder
    from zerokeep.data import load
    from zeroskip.compiler.layers import pack_network
    from zeroskip.compiler.places import PlanError
    from zeroskip.cycles.prediction import modelled
    from zeroskip.packing import pack

    folder = demo_folder()
    if engine in WHOLE:
        network = model_folder.read(folder).network
        codes = integer.encode(network, load(None).test_images[:2])
        try:
            run, _ = modelled(pack_network(network, config, codes, look=engine == "skip-both"))
        except PlanError:
            pass
        else:
            return run.lasts[1] - run.lasts[0]
    packed = [pack(layer, config, engine) for layer in demo_layers(folder, 1).values()]
    return sum(own.predicted["total"] + len(own.programs[0].program) for own in packed)
