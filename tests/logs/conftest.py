from collections.abc import Iterator

import pytest

from town import Town, whole_town


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    with whole_town(tmp_path_factory.mktemp("town")) as town:
        yield town
