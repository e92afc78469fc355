"""Why multiplier slots are not used."""

STALL_REASONS = {
    "waiting": "a row of the map, or a pass and its weights, have not come, or the row has not been copied",
    "bubble": "the lane has words, but no entry: look-up, a word that leaves it nothing, the end of a block",
    "lane_imbalance": "the lane has nothing while another of its group has work",
    "group_imbalance": "the group has nothing, and other groups hold the windows back or finish the layer",
    "fetch": "the group has nothing, although windows are fetched as fast as it goes: one a cycle, for all groups",
    "tail": "the slot lies beyond the last pixel or filter, or its lane has no weight in this program",
    "drain": "results have not left: they fill their memory, or all has been computed",
    "stalled": "a stream outside paused",
}
"""Name and meaning. Each slot in each cycle of ``total`` is used, or counted under exactly one of these."""
STALLED = "stalled"
"""The one that the AXI top sees, and no engine: it takes the place of the others where a cycle counts as stalled."""
