"""A whole network as one program."""

from __future__ import annotations

from zeroskip.compiler.averages import side_by_side
from zeroskip.compiler.build import Builder, build
from zeroskip.compiler.network import INPUT, QuantisedNetwork, lowered
from zeroskip.compiler.phased import choices
from zeroskip.compiler.places import PlanError
from zeroskip.compiler.program import Program
from zeroskip.compiler.strides import agreed, with_own_exit
from zeroskip.spec.config import EngineConfig

LEAST_GAIN = 0.03
"""By what share of its cycles a program must be better than the first one that fits, for they are known but about."""


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
    found, failure = [], None
    for tried in (side_by_side(config, steps, leaving), steps):  # as they are, where the others do not fit
        made_so = choices(incoming, agreed(config, incoming, tried), leaving)
        for choice in made_so:
            try:
                program, builder = build(config, choice.incoming, choice.steps, leaving, look=look)
                found.append((choice.laid(program), builder))
            except PlanError as error:
                failure = failure or error
        if found or tried == steps:
            break
    if failure is not None and not found:
        if not parts:
            raise failure
        return build(config, incoming, made_so[0].steps, leaving, look=look, parts=True)
    return min(found, key=lambda own: own[1].cycles * (1 - LEAST_GAIN if own is found[0] else 1))
