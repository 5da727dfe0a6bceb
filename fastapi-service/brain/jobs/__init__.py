"""Questions that wait their turn, safely."""
