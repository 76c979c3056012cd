"""Exit 0 if this environment holds what pyproject.toml asks for, the editable install of this checkout included."""

import sys
import tomllib
from importlib import metadata
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def satisfied() -> bool:
    """Whether every requirement is met, the scripts are declared, and `poserep` is this checkout."""
    from packaging.requirements import Requirement

    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = project["optional-dependencies"]
    wanted = [Requirement(text) for text in project["dependencies"] + extras["test"]]
    wanted += [
        Requirement(text) for one in wanted if one.name == "poserep" for extra in one.extras for text in extras[extra]
    ]
    if not all(one.specifier.contains(metadata.version(one.name), prereleases=True) for one in wanted):
        return False
    points = metadata.distribution("poserep").entry_points
    scripts = {point.name: point.value for point in points if point.group == "console_scripts"}
    import poserep

    return project["scripts"].items() <= scripts.items() and Path(poserep.__file__).parent == ROOT


try:
    sys.exit(not satisfied())
except ImportError:  # packaging, poserep, or one of the requirements (PackageNotFoundError is an ImportError)
    sys.exit(1)
