"""From a network, or a layer, to a program for the vector engine. Imports no gateware."""
