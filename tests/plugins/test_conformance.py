"""Every shipped part keeps to what all parts must: it passes by being listed."""

import pytest

from poserep.core.registry import Registry
from poserep.testing import conformance_tests

REGISTRY = Registry(installed=())

test_conformance = conformance_tests("poserep", REGISTRY)


@pytest.mark.parametrize("key", sorted(REGISTRY.entries))
def test_a_shipped_part_lies_in_the_folder_of_its_kind(key: str) -> None:
    folder = "losses" if REGISTRY.entries[key].kind == "loss" else f"{REGISTRY.entries[key].kind}s"
    assert REGISTRY.entries[key].module.startswith(f"poserep.plugins.{folder}.")
