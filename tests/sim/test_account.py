"""Slots by class, and a sum that is not the whole."""

from cosim.account import CLASSES, account, wrong_sum
from zeroskip.spec.axi import COUNTERS
from zeroskip.spec.stall_reasons import STALL_REASONS

COUNTED = {f"slots_{name}": 10 * number for number, name in enumerate(STALL_REASONS, 1)}
VALUES = {"multiplications": 20, "gated": 8, "total": 95} | COUNTED


def test_classes_are_those_of_the_hardware() -> None:
    assert set(COUNTED) == {name for name in COUNTERS if name.startswith("slots_")}
    assert tuple(account(VALUES)) == CLASSES
    reasons = {name: COUNTED[f"slots_{name}"] for name in STALL_REASONS}
    assert account(VALUES) == {"multiplying": 12, "gated": 8} | reasons


def test_a_wrong_sum_is_said() -> None:
    assert sum(account(VALUES).values()) == 380 == 4 * VALUES["total"] and wrong_sum(VALUES, 4) is None
    for name in ("multiplications", *COUNTED):
        assert wrong_sum(VALUES | {name: VALUES[name] + 1}, 4) == (
            "the classes of the multipliers' slots make 381, expected 380: 95 cycles of 4 multipliers")
