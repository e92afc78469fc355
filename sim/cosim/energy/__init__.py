"""Energy on gates: synthesis to an open cell library, gate-level simulation, power by OpenSTA."""
