"""The log servers that are compared, each on one core, with the same rules and files."""

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from shutil import which
from time import monotonic, sleep

RSYSLOG = which("rsyslogd", path="/usr/sbin:/usr/bin:/sbin")
START_SECONDS = 10.0


def free_port() -> int:
    """A port nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def ours(folder: Path, port: int, *, core: int | None = 0, **variables: str) -> Iterator[int]:
    """Our log server; its pid."""
    process = start_ours(folder, port, core=core, **variables)
    try:
        yield process.pid
    finally:
        process.terminate()
        process.wait(10)


def start_ours(
    folder: Path, port: int, *, core: int | None, **variables: str
) -> subprocess.Popen[bytes]:
    """The same, ended by whoever called."""
    environment = {
        **os.environ,  # noqa: TID251 - handed on
        "LOGGING_PORT": f"{port}",
        "LOGGING_HEALTH_PORT": "0",
        "LOG_DIR": f"{folder}",
        "LOG_LEVEL": "ERROR",
        **variables,
    }
    return _started([sys.executable, "-m", "logsink"], port, core, environment)


@contextmanager
def rsyslog(folder: Path, port: int, *, core: int | None = 0) -> Iterator[int]:
    """rsyslog with buffers and batches as its manual advises for throughput; its pid."""
    assert RSYSLOG is not None
    day = folder / "day"
    day.mkdir(parents=True)

    def into(name: str) -> str:
        return (
            f'action(type="omfile" file="{day}/{name}.log" template="raw" ioBufferSize="64k" '
            'flushOnTXEnd="off" asyncWriting="on")'
        )

    configuration = folder / "rsyslog.conf"
    configuration.write_text(f"""
        global(workDirectory="{folder}" maxMessageSize="64k")
        module(load="imtcp" MaxSessions="100")
        template(name="raw" type="string" string="%rawmsg%\\n")
        ruleset(name="r" queue.type="LinkedList" queue.size="200000"
                queue.dequeueBatchSize="1024") {{
          if $rawmsg contains '"level":"debug"' then {{ {into("debug")} stop }}
          if $rawmsg contains '"level":"error"' then {{ {into("error")} }}
          {into("app")}
        }}
        input(type="imtcp" port="{port}" address="127.0.0.1" ruleset="r")
    """)
    command = [RSYSLOG, "-n", "-f", f"{configuration}", "-i", f"{folder}/pid"]
    process = _started(command, port, core, None)
    try:
        yield process.pid
    finally:
        process.terminate()
        process.wait(20)


def _started(
    command: list[str], port: int, core: int | None, environment: dict[str, str] | None
) -> subprocess.Popen[bytes]:
    pinned = [] if core is None else ["taskset", "-c", f"{core}"]
    process = subprocess.Popen(
        [*pinned, *command], env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    until = monotonic() + START_SECONDS
    while True:
        try:
            socket.create_connection(("127.0.0.1", port)).close()
        except OSError:
            if process.poll() is not None or monotonic() > until:
                raise
            sleep(0.02)
        else:
            return process
