import functools
import gc
from collections.abc import Iterator

import pytest
import typer.testing


def pytest_collection_finish() -> None:
    """What was imported to collect the tests stays to the end: the garbage collector need not go through it again."""
    gc.collect()
    gc.freeze()


def pytest_unconfigure() -> None:
    """Let all of it go at the end, or packages in C report as leaked what was merely kept."""
    gc.unfreeze()


@pytest.fixture(scope="session", autouse=True)
def frame_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """No test reads or fills the user's own frame cache."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("POSEREP_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="session", autouse=True)
def one_command_line() -> Iterator[None]:
    """Typer's runner reads the signatures of all commands anew for each that it runs; here they are read once."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(typer.testing, "_get_command", functools.cache(typer.testing._get_command))
        yield
