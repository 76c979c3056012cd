from collections.abc import Iterator

import pytest


@pytest.fixture(scope="session", autouse=True)
def frame_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """No test reads or fills the user's own frame cache."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("POSEREP_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield
