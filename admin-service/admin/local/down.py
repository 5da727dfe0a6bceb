"""`./stop.sh`: end what `./start.sh` started, by pid, and nothing else."""

from pathlib import Path

from admin.local import words
from admin.local.processes import end, is_alive
from admin.local.restarts import Pace
from admin.local.state import forget_state, leftovers, read_state

EXTRA_SECONDS = 5.0
"""The supervisor ends its services first, each within `Pace.stop_seconds`."""


def down(root: Path) -> None:
    """End the platform in `root`; fine when nothing runs. Blocks up to half a minute."""
    state = read_state(root)
    if state is None:
        words.say("Nothing is running.")
        return
    running = [one.name for one in state.services if one.process and is_alive(one.process)]
    patience = Pace().stop_seconds
    if is_alive(state.supervisor):
        end([state.supervisor], patience_seconds=patience + EXTRA_SECONDS)
    # A supervisor that had to be killed, or was killed before, leaves its services to us.
    end(leftovers(state), patience_seconds=patience)
    forget_state(root)
    words.say(f"Stopped {', '.join(running)}." if running else "Nothing is running.")
