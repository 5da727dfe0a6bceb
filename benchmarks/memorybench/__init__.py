"""Which models stay in memory and in what order work runs, measured on synthetic traces."""
