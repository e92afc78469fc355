"""One outcome out of those of a layer's programs."""

from dataclasses import replace

import numpy as np

from cosim.account import wrong_sum
from cosim.job import Outcome
from cosim.parts import join
from zeroskip.spec.stall_reasons import STALL_REASONS


def outcome(number: int) -> Outcome:
    """Of a program that took `number` times as long as the first; four multipliers."""
    lost = {f"slots_{name}": number * at for at, name in enumerate(STALL_REASONS)}
    total = number * 10
    counters = {"load": 5 + number, "total": total, "wait": number, "gated": 0,
                "multiplications": 4 * total - sum(lost.values()), **lost}
    return Outcome(name=f"part {number}", result=np.full((number, 16), number, np.uint8), counters=counters,
                   observed={"load": 5 + number, "total": total})


def test_what_later_programs_load_is_waiting() -> None:
    parts = [outcome(number) for number in (1, 2, 3)]
    assert all(wrong_sum(part.counters, 4) is None for part in parts)
    whole = join("layer", parts, multipliers=4)
    assert whole.name == "layer" and whole.error is None and len(whole.result) == 6
    assert (whole.counters["load"], whole.counters["total"], whole.counters["wait"]) == (6, 60 + 15, 6 + 15)
    assert whole.counters["slots_waiting"] == 4 * 15 and wrong_sum(whole.counters, 4) is None
    assert whole.observed == {"load": 6, "total": 75}


def test_the_first_error_is_the_layers() -> None:
    parts = [outcome(1), replace(outcome(2), error="it hangs"), replace(outcome(3), error="not run")]
    whole = join("layer", parts, multipliers=4)
    assert (whole.name, whole.error) == ("layer", "part 2: it hangs")
    assert join("layer", parts[1:2], multipliers=4).error == "it hangs"
