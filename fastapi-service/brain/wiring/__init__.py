"""Builds the brain from its settings. The only package that names concrete classes."""

from brain.wiring.parts import Brain, running

__all__ = ["Brain", "running"]
