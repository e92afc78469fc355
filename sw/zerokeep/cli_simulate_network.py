"""The part of ``zerokeep simulate`` that runs a whole network as one program."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import typer

from zerokeep.cli_common import progress, say, table

if TYPE_CHECKING:
    import numpy as np

    from cosim.network import NetworkSimulation
    from cosim.simulate import Options
    from zerokeep.network import Network
    from zeroskip.spec.config import EngineConfig


@dataclass(frozen=True, kw_only=True)
class NetworkResult:
    """What came of a network: its simulation, and what of it the host does."""

    simulation: NetworkSimulation
    host: tuple[str, ...]
    images: int

    @property
    def failed(self) -> list[str]:
        """A sentence for all that was wrong."""
        return self.simulation.failed

    @property
    def outputs(self) -> dict[str, np.ndarray]:
        """Answers by name."""
        return {f"network/{name}": array for name, array in self.simulation.outputs.items()}

    def document(self, config: EngineConfig, options: Options) -> dict[str, Any]:
        """The JSON of it, and what a simulation of layers would say beside."""
        from cosim.simulate import tool_versions
        from cosim.simulators import find_simulator
        from zeroskip.spec.config import preset_name

        return {"multipliers": config.multipliers, "preset": preset_name(config), "images": self.images,
                "seed": options.seed, "stall": options.stall,
                "tool_versions": tool_versions(find_simulator(options.simulator)),
                "network": {"engines": self.simulation.engines, "host": list(self.host)}}


def run_network(network: Network, pictures: np.ndarray, config: EngineConfig, engines: Sequence[str],
                options: Options) -> tuple[NetworkResult | None, tuple[str, ...]]:
    """Run a network on those engines that can, show it, and give those that are left for its layers alone.

    Where the network has a step that the array does not run, or does not fit, all of them are left, and it is said why.
    """
    from cosim.network import NETWORK_ENGINES, simulate_network
    from zerokeep import integer
    from zeroskip.compiler.lower import UnsupportedError
    from zeroskip.compiler.places import PlanError

    own = [name for name in engines if name in NETWORK_ENGINES]
    rest = tuple(name for name in engines if name not in own)
    if not own:
        return None, rest
    codes = integer.encode(network, pictures)
    expected = {step.name: result for step, _, result in integer.walk(network, codes)}
    try:
        with progress("simulate") as told:
            found = simulate_network(network, codes, expected, config, own, options=options, progress=told)
    except (UnsupportedError, PlanError) as error:
        say(f"layer by layer, for the network is no one program: {error}")
        return None, tuple(engines)
    result = NetworkResult(simulation=found, host=network.host, images=len(pictures))
    _print(result)
    for name in network.host:
        say(f"left to the host: {name}")
    if rest:
        typer.echo(f"\nLayer by layer, with the host between: {', '.join(rest)}")
    return result, rest


def _print(result: NetworkResult) -> None:
    def number(value: float | None) -> str:
        return "-" if value is None else f"{value:,.0f}"

    rows = [[name, "yes" if own["bit_exact"] and not own["errors"] else "NO", number(own["load"]),
             number(own["latency"]), number(own["interval"]), number(own["predicted"]["interval"]),
             number(own.get("multiplications")), number(own.get("gated"))]
            for name, own in result.simulation.engines.items()]
    typer.echo(f"The whole network as one program, {result.images} images back to back:")
    table(["engine", "exact", "load", "latency", "interval", "predicted", "multiplications", "gated"], rows)
