"""The web chat."""

VERSION = "0.1.0"
