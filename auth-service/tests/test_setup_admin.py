import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from auth.errors import NotAnAdmin
from auth.setup_admin import make_admin

Service = Any  # the fixture of conftest.py, which tests cannot import
SECRETS = {"JWT_SECRET_KEY": "only-for-tests-" + "jw" * 16, "SERVICE_TOKEN": "t-" + "sv" * 16}


def run(folder: Path, *arguments: str, typed: str = "") -> subprocess.CompletedProcess[str]:
    """The command as an operator types it, in an empty folder."""
    return subprocess.run(
        [sys.executable, "-m", "auth.setup_admin", *arguments],
        cwd=folder,
        env=SECRETS | {"BCRYPT_COST": "4"},
        input=typed,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


async def admin(service: Service, **given: Any) -> str:
    wanted = {"username": "boss", "password": None, "display_name": None, "email": None}
    return await make_admin(service.auth, **(wanted | given))


async def test_an_admin_is_made(service: Service) -> None:
    sentence = await admin(
        service, password="lovelace 1815", display_name="The Boss", email="boss@example.org"
    )
    assert sentence == "The admin 'boss' has been made and can log in now."
    user = (await service.login("boss")).json()["user"]
    assert (user["role"], user["display_name"]) == ("admin", "The Boss")
    assert user["email"] == "boss@example.org"


async def test_an_account_a_stranger_may_have_made_is_not_promoted_by_its_name(
    service: Service,
) -> None:
    token = await service.token("Boss")
    for given in ({}, {"password": "babbage 1791"}):
        with pytest.raises(NotAnAdmin, match=r"'Boss' already.*--promote"):
            await admin(service, **given)
    assert (await service.me(token)).json()["role"] == "user"


async def test_who_is_promoted_on_purpose_keeps_password_and_name(service: Service) -> None:
    await service.register("Boss", display_name="The Boss")
    told = await admin(service, promote=True)
    assert told.startswith("'Boss' is an admin now; the password is as it was")
    user = (await service.login("boss")).json()["user"]
    assert (user["role"], user["display_name"]) == ("admin", "The Boss")


async def test_a_password_given_replaces_the_old_one(service: Service) -> None:
    await admin(service, password=service.password)
    token = await service.token("boss")
    assert "with the new password" in await admin(service, password="babbage 1791")
    assert (await service.me(token)).status_code == 401
    assert (await service.login("boss")).status_code == 401
    assert (await service.login("boss", "babbage 1791")).json()["user"]["role"] == "admin"


async def test_with_a_password_given_nobody_gets_in_by_what_was_there_before(
    service: Service,
) -> None:
    token = await service.token("boss")
    made = await service.http.post("/keys", json={"name": "x"}, headers=service.as_person(token))
    await service.redeem(await service.link_code(token))
    told = await admin(service, password="babbage 1791", promote=True)
    assert "API keys and links of before have ended" in told
    key = {"key": made.json()["key"]}
    verified = await service.http.post("/keys/verify", json=key, headers=service.as_service)
    assert verified.status_code == 404
    linked = await service.http.get("/identities/discord/1042", headers=service.as_service)
    assert linked.status_code == 404
    methods = await service.auth.repository.methods(await service.user_id("boss"))
    assert [method.provider for method in methods] == ["password"]


async def test_who_is_made_an_admin_can_log_in_even_if_they_were_disabled(service: Service) -> None:
    await service.register("boss")
    user_id = await service.user_id("boss")
    await service.auth.accounts.set_rights(user_id, role=None, disabled=True)
    with pytest.raises(NotAnAdmin):
        await admin(service)
    await admin(service, promote=True)
    assert (await service.login("boss")).json()["user"]["role"] == "admin"


def test_the_command_makes_an_admin_and_says_so(tmp_path: Path) -> None:
    done = run(tmp_path, "--username", "boss", "--password", "-", typed="lovelace 1815\n")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "The admin 'boss' has been made and can log in now.\n"
    again = run(tmp_path, "--username", "BOSS")
    assert again.stdout == (
        "'boss' is an admin now; the password is as it was, and so are API keys and links.\n"
    )


@pytest.mark.parametrize(
    ("arguments", "typed", "why"),
    [
        (["--username", "boss"], "", "no terminal"),
        (["--username", "boss", "--password", "-"], "", "at least 8"),
        (["--username", "b s", "--password", "lovelace 1815"], "", "only letters"),
    ],
)
def test_a_refusal_is_a_sentence_and_a_code(
    tmp_path: Path, arguments: list[str], typed: str, why: str
) -> None:
    refused = run(tmp_path, *arguments, typed=typed)
    assert refused.returncode == 1
    assert why in refused.stderr
    assert "Traceback" not in refused.stderr


def test_the_script_of_the_folder_uses_the_settings_of_the_clone(tmp_path: Path) -> None:
    folder = tmp_path / "auth-service"
    folder.mkdir()
    script = Path(__file__).resolve().parents[1] / "setup_admin.py"
    (folder / "setup_admin.py").write_text(script.read_text())
    (tmp_path / ".env").write_text("".join(f"{name}={value}\n" for name, value in SECRETS.items()))
    done = subprocess.run(
        [
            sys.executable, "setup_admin.py", "--username", "boss", "--password", "lovelace 1815",
            "--display", "Admin User", "--email", "admin@example.com",
        ],
        cwd=folder, env={"BCRYPT_COST": "4"}, capture_output=True, text=True, timeout=60,
        check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    assert (tmp_path / "data" / "trollama.db").is_file()
