"""One installation for all these tests: building and starting it takes a minute or two."""

import os
import subprocess
from collections.abc import Iterator

import pytest

from installation import Installation, installed


@pytest.fixture(scope="session")
def engine() -> None:
    """Skips, with the reason, where no container engine is to be used."""
    if os.environ.get("CONTAINER_TESTS") != "yes":
        pytest.skip("CONTAINER_TESTS=yes is not set; .ci/run sets it where an engine can be had")
    asked = subprocess.run(["docker", "compose", "version"], capture_output=True, check=False)
    if asked.returncode != 0:
        pytest.skip("Docker Compose does not answer")


@pytest.fixture(scope="session")
def installation(engine: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """A copy that was started cold with `./start.sh --rehearsal`."""
    with installed(tmp_path_factory.mktemp("a clone")) as here:
        here.first_start = here.run("./start.sh", "--rehearsal")
        yield here
