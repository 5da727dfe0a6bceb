"""A make-believe world around the orchestrator's core, and what must never happen in it."""
