"""What is left of each layer: filters, weights, non-zeros."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from zerokeep.network import Network


def layer_counts(network: Network, shapes_before: Mapping[str, tuple[int, ...]]) -> list[dict[str, object]]:
    """Counts of every layer with weights, in order; of the int8 codes, so as the hardware sees them.

    Parameters
    ----------
    network
        The quantised network.
    shapes_before
        Each layer's weight shape before pruning, by name; one that is not there (a batch norm that became a layer)
        counts as it is.

    Each has `name`, `op`, `filters`, `filters_before`, `weights`, `weights_before`, `nonzero`, `nzer`
    (non-zero / weights) and `nzer_orig` (non-zero / weights before).
    """
    rows = []
    for step in network.layers():
        weight = step.weights.weight
        before = shapes_before.get(step.name, weight.shape)
        nonzero, size, size_before = int(np.count_nonzero(weight)), weight.size, int(np.prod(before))
        rows.append({
            "name": step.name, "op": step.op, "filters": weight.shape[0], "filters_before": before[0],
            "weights": size, "weights_before": size_before, "nonzero": nonzero,
            "nzer": nonzero / size, "nzer_orig": nonzero / size_before,
        })  # fmt: skip
    return rows


def totals(rows: list[dict[str, object]]) -> dict[str, object]:
    """The same over all layers; `filters` are those of convolutions, `filters_removed` their share that went."""
    def total(key: str, op: str = "") -> int:
        return sum(int(str(row[key])) for row in rows if op in ("", row["op"]))

    filters, before = total("filters", "conv"), total("filters_before", "conv")
    return {
        "filters": filters, "filters_before": before,
        "filters_removed": (before - filters) / before if before else 0.0,
        "weights": total("weights"), "weights_before": total("weights_before"), "nonzero": total("nonzero"),
        "nzer": total("nonzero") / total("weights"), "nzer_orig": total("nonzero") / total("weights_before"),
    }  # fmt: skip
