"""Who must leave memory so that a model fits: pure choices on an immutable view."""
