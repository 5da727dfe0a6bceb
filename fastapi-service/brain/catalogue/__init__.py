"""Which models exist, what they can do and which of them does what. Data, not code."""
