"""What the images hold, as built."""

import json
import sys
from typing import Any

import pytest

from installation import ROOT, SERVICES, Installation

pytestmark = pytest.mark.timeout(600)
IMAGES = [f"trollama/{service}" for service in sorted(SERVICES)]
SIGNING = {"auth-service", "fastapi-service"}
BUILD_TOOLS = {"gcc", "g++", "make", "cpp", "binutils", "libc6-dev", "python3-dev", "uv"}


@pytest.fixture(scope="module")
def contents(installation: Installation) -> dict[str, Any]:
    script = ROOT / "scripts" / "container_contents.py"
    looked = installation.run(sys.executable, str(script), "--json", *IMAGES)
    assert looked.stdout, looked.stderr
    return {one["image"]: one for one in json.loads(looked.stdout)}


@pytest.mark.parametrize("image", IMAGES)
def test_an_image_runs_as_nobody_special_and_no_layer_holds_a_secret(
    contents: dict[str, Any], image: str
) -> None:
    assert contents[image]["user"] in ("10001", "dynamodblocal")
    assert contents[image]["found"] == []


@pytest.mark.parametrize("image", IMAGES)
def test_an_image_lists_its_packages_and_has_no_build_tools(
    contents: dict[str, Any], image: str
) -> None:
    every = contents[image]["python_packages"] + contents[image]["system_packages"]
    names = {one.partition("=")[0].lower() for one in every}
    assert "bash" in names
    assert names & BUILD_TOOLS == set()


@pytest.mark.parametrize("service", sorted(SERVICES))
def test_a_container_is_read_only_and_without_rights(
    installation: Installation, service: str
) -> None:
    found = installation.inspect(service)
    host = found["HostConfig"]
    assert host["ReadonlyRootfs"] is True
    assert host["CapDrop"] == ["ALL"]
    assert host["SecurityOpt"] == ["no-new-privileges:true"]
    assert host["LogConfig"]["Config"] == {"max-file": "3", "max-size": "10m"}
    assert host["RestartPolicy"]["Name"] == "unless-stopped"
    for published in host["PortBindings"].values():
        assert {one["HostIp"] for one in published} == {"127.0.0.1"}
    assert (host["Memory"] > 0) is (service != "fastapi-service")
    given = {one.partition("=")[0] for one in found["Config"]["Env"]}
    assert ("JWT_SECRET_KEY" in given) is (service in SIGNING)
