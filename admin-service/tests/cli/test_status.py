"""What `trollama status` prints about a brain that is not well."""

from io import StringIO
from pathlib import Path
from typing import Any

import pytest

from admin.cli import status
from admin.config import Settings

pytestmark = pytest.mark.anyio

REPORT = {
    "status": "degraded",
    "queue_size": 1,
    "waiting_for_models": 2,
    "vram": {"loaded_models": ["gpt-oss:20b"]},
    "reasons": ["97 % of the memory is taken."],
}


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.mark.parametrize(
    ("reasons", "shown"), [(REPORT["reasons"], True), ([], False)], ids=["with", "without"]
)
async def test_what_is_not_well_is_said_and_where_more_stands(
    reasons: list[str], shown: bool, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    async def call(*_: Any) -> dict[str, Any]:
        return {**REPORT, "reasons": reasons}

    monkeypatch.setattr(status, "call", call)
    out = StringIO()
    settings = Settings(_env_file=None)
    assert await status.show_status(settings, root=tmp_path, console=status.console_for(out))
    said = " ".join(out.getvalue().split())
    assert "1 waiting; 2 waiting for a model; loaded: gpt-oss:20b" in said
    assert ("97 % of the memory is taken." in said) is shown
    assert ("trollama vram" in said) is shown
