"""Honest stand-ins for model servers: they speak the real protocols with scripted models."""

from rehearsal.faults import Fault
from rehearsal.script import Script, ScriptError, default_script, load_script, parse_script
from rehearsal.servers import Servers, playing_discord, running
from rehearsal.stage import Rehearsal

__all__ = [
    "Fault",
    "Rehearsal",
    "Script",
    "ScriptError",
    "Servers",
    "default_script",
    "load_script",
    "parse_script",
    "playing_discord",
    "running",
]
