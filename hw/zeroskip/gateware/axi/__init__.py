"""AXI4-Stream and AXI4-Lite around an engine, and the counters that a host reads."""
