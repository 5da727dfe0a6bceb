"""What the memory page says about the models in memory, from the brain's JSON alone."""
