"""What operators and dashboards see of the models in memory, and do to them."""
