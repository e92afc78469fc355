"""From a layer to the dense array's program and map, and back from its answer."""
