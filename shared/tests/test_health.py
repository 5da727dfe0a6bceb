"""What a service says about itself."""

import pytest

from shared.health import Health, Level


@pytest.mark.parametrize(
    ("levels", "worst"),
    [
        ([], "healthy"),
        (["healthy", "healthy"], "healthy"),
        (["degraded", "healthy"], "degraded"),
        (["degraded", "unhealthy", "healthy"], "unhealthy"),
    ],
)
def test_a_service_is_as_well_as_its_worst_part(levels: list[Level], worst: Level) -> None:
    components = {str(number): level for number, level in enumerate(levels)}
    assert Health("auth", "1.0", components).status == worst


def test_the_report_has_the_shape_of_the_contract() -> None:
    health = Health("auth", "1.0", {"database": "degraded"})
    assert health.report(now=0) == {
        "status": "degraded",
        "timestamp": "1970-01-01T00:00:00.000Z",
        "service": "auth",
        "version": "1.0",
        "components": {"database": "degraded"},
    }
