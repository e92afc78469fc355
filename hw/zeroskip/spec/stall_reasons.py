"""Why multiplier slots are not used."""

STALL_REASONS = {
    "waiting": "the map, or a part of the program, has not come",
    "bubble": "no entry, or step, is ready: instructions, lists, look-ahead; the end of a list without one",
    "stolen": "a write of results takes the memory port that the entry reads",
    "blocked": "the way out has no place yet for the sums",
    "imbalance": "the lane waits for another one at the end of a step",
    "tail": "the slot lies beyond the last pixel or filter (dense)",
    "drain": "all is computed, or waits until results have left",
    "stalled": "a stream outside paused",
}
"""Name and meaning. Each slot in each cycle of ``total`` is used, or counted under exactly one of these."""
STALLED = "stalled"
"""The one that the AXI top sees, and no engine: it takes the place of the others where a cycle counts as stalled."""
