"""Which models are in memory, who uses them, who waits and who leaves."""
