"""A stand-in for an OpenAI-style server (SGLang, vLLM): models that are always loaded."""
