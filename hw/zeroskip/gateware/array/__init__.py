"""What lanes share: the map memory, the write bus, loading, waiting for each other, results."""
