"""Gives the kernel's page cache back, as before loading a very large model."""

from pathlib import Path

from shared.errors import BoundaryError

DROP_CACHES = Path("/proc/sys/vm/drop_caches")
PAGE_CACHE = "1\n"
"""Clean pages of files only; nothing is lost by it (Documentation/admin-guide/sysctl/vm.rst)."""


class FlushNotPermitted(BoundaryError):
    """The kernel lets only root drop its caches, and only outside a container."""

    status = 501
    code = "vram.not_permitted"

    def __init__(self, switch: Path, reason: str) -> None:
        super().__init__(
            f"The page cache cannot be flushed from here: {switch} is not writable ({reason}). "
            "Run `sync; echo 1 | sudo tee /proc/sys/vm/drop_caches` on the machine itself."
        )


def flush(switch: Path) -> None:
    """Drop clean cached pages. Blocks while the kernel works. Raises `FlushNotPermitted`."""
    try:
        switch.write_text(PAGE_CACHE)
    except OSError as refused:
        raise FlushNotPermitted(switch, refused.strerror or "no reason given") from refused
