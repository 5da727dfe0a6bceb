"""A stand-in for an Ollama server: its HTTP API, its memory, its words."""
