"""The brain: queue, routing, context, models and memory of Trollama."""

VERSION = "0.1.0"
