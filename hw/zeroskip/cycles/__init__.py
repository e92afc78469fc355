"""The exact model of the vector engine: what a program does, when, and where its cycles go. Imports no gateware."""
