"""Files and processes: read what is not trusted, write whole or not at all, cache, run tools, and show names."""
