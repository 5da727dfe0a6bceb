"""
`python -m admin.local.child PARENT -m MODULE …`: become that program, and die with the parent.

A supervisor that is killed with SIGKILL cannot stop its services. On Linux the kernel does it:
PR_SET_PDEATHSIG (prctl(2)) survives execve(2). Elsewhere the next start or stop finds what was left
in the state file.
"""

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1


def main(arguments: list[str]) -> None:
    """Does not return: replaces this process by the Python program in `arguments`."""
    parent, *program = arguments
    if sys.platform == "linux":
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0) != 0:
            raise OSError(ctypes.get_errno(), "prctl(PR_SET_PDEATHSIG) failed")
    if os.getppid() != int(parent):  # it died before the line above
        sys.exit(1)
    os.execv(sys.executable, [sys.executable, *program])


if __name__ == "__main__":
    main(sys.argv[1:])
