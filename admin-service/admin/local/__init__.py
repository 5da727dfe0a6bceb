"""Local mode: every service on this machine without containers, started, watched and stopped."""
