"""Parts of `benchmarks/discord_rates.py`."""
