"""The edge: HTTP in, nothing decided here."""
