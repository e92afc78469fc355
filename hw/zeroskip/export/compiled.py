"""A network that was compiled, and the cycles that it takes by the exact model."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from zeroskip.compiler.build import Builder
from zeroskip.compiler.network import QuantisedNetwork
from zeroskip.compiler.program import Program
from zeroskip.compiler.whole import whole
from zeroskip.cycles import model, state
from zeroskip.cycles.account import columns
from zeroskip.cycles.decode import Decoded, decode
from zeroskip.cycles.model import ModelError, Run
from zeroskip.spec.config import EngineConfig

IMAGES = 3
"""Images that come back to back, to see what the later ones take."""
ENGINES = {"skip-weights": False, "skip-both": True}
"""Whether the array looks ahead, by the engine's name."""
NO_IMAGE = "looking ahead takes as long as the image's zeros let it, and there is no image here"


class EngineError(ValueError):
    """An engine that a configuration does not have; the message says what would do."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Timing:
    """What the model says.

    Parameters
    ----------
    run
        Of one image alone.
    interval
        Cycles from answer to answer when images come back to back.
    """

    run: Run
    interval: int


@dataclass(frozen=True, kw_only=True, eq=False)
class Compiled:
    """A compiled network.

    Parameters
    ----------
    name
        What files and names in C begin with.
    engine
        Of ``ENGINES``.
    program, builder
        As the compiler gave them.
    decoded
        The program read back from its beats.
    timing
        Its cycles, where they are known.
    why
        Why they are not, else empty.
    host
        Names of what is left to the host after the last step.
    """

    name: str
    engine: str
    program: Program
    builder: Builder
    decoded: Decoded
    timing: Timing | None
    why: str
    host: tuple[str, ...] = ()

    @property
    def config(self) -> EngineConfig:
        """The engine that it is for."""
        return self.program.config

    def step_cycles(self) -> np.ndarray:
        """Cycles by class of each step and lane, (steps, lanes, classes): every lane's add up to the latency.

        What comes after the last step counts to it.
        """
        assert self.timing is not None
        counts, steps = self.timing.run.counts[:, :, :state.CLASSES], len(self.builder.steps)
        return np.concatenate([counts[:steps - 1], counts[steps - 1:].sum(axis=0, keepdims=True)])


def compile_network(config: EngineConfig, network: QuantisedNetwork, *, name: str, engine: str = "skip-weights",
                    image: np.ndarray | None = None, host: tuple[str, ...] = ()) -> Compiled:
    """Compile a network and, where its cycles follow from the program or there is an image, time it.

    Parameters
    ----------
    config, network
        The engine, and the network in integers.
    name, host
        See `Compiled`.
    engine
        ``skip-weights``, or ``skip-both``, which looks ahead.
    image
        Codes (channels, rows, columns), which the time of ``skip-both`` is for.

    Raises
    ------
    UnsupportedError
        A step that the array does not run.
    PlanError
        The network does not fit.
    EngineError
        The configuration has no such engine.
    """
    look = ENGINES[engine]
    if look and config.look == 1:
        raise EngineError("engine skip-both needs a configuration that looks at 2 or more entries in a cycle, this one "
                          "has look = 1: take skip-weights")
    program, builder = whole(config, network, look=look, parts=True)
    decoded = decode(config, program.beats(), program.part_beats())
    timing, why = None, NO_IMAGE
    if image is not None or not look:
        try:
            timing, why = _timed(program, builder, decoded, image if look else None), ""
        except ModelError as error:
            why = f"the cycle model does not run it: {error}"
    return Compiled(name=name, engine=engine, program=program, builder=builder, decoded=decoded, timing=timing, why=why,
                    host=host)


def _timed(program: Program, builder: Builder, decoded: Decoded, image: np.ndarray | None) -> Timing:
    """One image alone, and some of them back to back; without an image cycles alone, for images of any codes."""
    layout, seen = program.incoming.layout, columns(builder.steps)
    blank = np.zeros((layout.channels, layout.rows, layout.columns), np.uint8)
    beats = program.incoming.words(blank if image is None else image)
    values = image is not None
    alone = model.run(program.config, decoded, beats, seen, values=values)
    many = model.run(program.config, decoded, np.concatenate([beats] * IMAGES), seen, values=values)
    return Timing(run=alone, interval=many.lasts[-1] - many.lasts[-2])
