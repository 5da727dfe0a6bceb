"""The REST API, version 10: what the bot calls, an endpoint a method."""
