"""`./stop.sh` with Docker: by label, so that no compose file and no `.env` is needed for it."""

from admin.containers.engine import Docker
from admin.containers.up import INFRASTRUCTURE
from admin.local.words import say

STOP_SECONDS = 120.0


async def down(docker: Docker, *, everything: bool) -> int:
    """Stop and remove the application's containers, or all; volumes stay. The exit status."""
    ours = await docker.containers()
    chosen = [one for one in ours if everything or one.service not in INFRASTRUCTURE]
    if not chosen:
        say("Nothing is running." if not ours else "The application is not running.")
        return 0
    ids = [one.id for one in chosen]
    await docker.run("stop", *ids, seconds=STOP_SECONDS)
    removed = await docker.run("rm", "--force", *ids, seconds=STOP_SECONDS)
    if removed.code != 0:
        say(f"Docker: {removed.last_words}")
        return 1
    say(f"Stopped {', '.join(sorted(one.service for one in chosen))}.")
    if everything:
        await docker.run("network", "rm", f"{docker.project}_default")
    elif left := sorted(one.service for one in ours if one not in chosen):
        say(f"Still up: {', '.join(left)} (./stop.sh --all stops them too; data stays).")
    return 0
