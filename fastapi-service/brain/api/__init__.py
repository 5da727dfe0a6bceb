"""The edge: sockets and HTTP in, nothing decided here."""
