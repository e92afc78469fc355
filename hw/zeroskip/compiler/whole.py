"""A whole network as one program."""

from __future__ import annotations

from zeroskip.compiler.build import Builder, build
from zeroskip.compiler.network import INPUT, QuantisedNetwork, lowered
from zeroskip.compiler.program import Program
from zeroskip.compiler.strides import agreed, with_own_exit
from zeroskip.spec.config import EngineConfig


def whole(config: EngineConfig, network: QuantisedNetwork, *, look: bool, parts: bool = False
          ) -> tuple[Program, Builder]:
    """The program of a network, and the builder that knows what became of each step.

    Parameters
    ----------
    config
        The engine.
    network
        In integers.
    look
        Whether the array looks ahead: `skip-both`, else `skip-weights`.
    parts
        Whether lists and instructions may come in parts where they do not fit at once.

    Raises
    ------
    UnsupportedError
        A step that the array does not run.
    PlanError
        The network does not fit.
    """
    made = lowered(network)
    incoming = {INPUT: made.incoming}
    steps, leaving = with_own_exit(incoming, made.steps, made.leaving)
    return build(config, incoming, agreed(config, incoming, steps), leaving, look=look, parts=parts)
