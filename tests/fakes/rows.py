"""Flags that make any row of the published tables small enough for a test, on the studio or on example files."""

import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from poserep.core.recipe import shipped
from poserep.core.registry import Registry

NETWORK = "{ layers = [1, 1, 1, 1], channels = [8, 8, 8, 8] }"
STUDIO = {
    "room": {
        "subjects": 1,
        "test_subjects": 1,
        "validation_subjects": 0,
        "cameras": 2,
        "takes": 1,
        "actions": '["gait"]',
    }
    | {"seconds": 2.0, "size": 32},
    "dive": {"subjects": 1, "test_subjects": 1, "validation_subjects": 0, "cameras": 2, "takes": 3, "size": 32},
    "slope": {"subjects": 1, "test_subjects": 1, "validation_subjects": 0, "cameras": 1, "takes": 1, "size": 48}
    | {"seconds": 2.0},
}
SECONDS = {"studio": (0.2, 0.4), "h36m": (0.05, 0.1), "mpi_inf_3dhp": (0.1, 0.2), "diving": (0.12, 0.6)}
"""Most of a positive's and least of a negative's distance in so short clips."""
REGISTRY = Registry(installed=())


def recipe(name: str) -> dict[str, Any]:
    """A shipped recipe as it stands."""
    return tomllib.loads(shipped()[name].read_text(encoding="utf-8"))


def examples(folder: Path) -> Mapping[str, Mapping[str, Any]]:
    """Tiny files in the true format of each published dataset, and the options that name them; beside them pictures."""
    (folder / "backgrounds").mkdir()
    for level in (40, 200):
        Image.fromarray(np.full((48, 48, 3), level, np.uint8)).save(folder / "backgrounds" / f"{level}.png")
    found = {}
    for use in ("h36m", "mpi_inf_3dhp", "diving", "ski_poseptz", "threedpw"):
        example: Any = REGISTRY.get("dataset", use).example
        (folder / use).mkdir()
        found[use] = {key: value for key, value in example(folder / use).items() if key not in ("labels", "protocol")}
    found["h36m"]["stride"] = 1
    return found


def small(name: str, files: Mapping[str, Mapping[str, Any]] | None = None) -> list[str]:
    """Flags for a recipe: two steps of tiny networks on few small frames."""
    data = recipe(name)
    sets = ["crop_size=16", "training.batch=2", 'training.precision="32-true"']
    for role, part in datasets(data):
        sets += [f"{role}.{key}={value}" for key, value in places(part, files or {})]
        if part["use"] == "h36m" and "test_dataset" in data["probe"]:
            sets.append(f'{role}.cameras=["55011271"]')  # its frames are square, as those of the other dataset
    return [*sets, *times(data), *networks(data), *probing(data)]


def datasets(data: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """A recipe's datasets by role."""
    yield "dataset", data["dataset"]
    for name in ("dataset", "test_dataset"):
        if name in data["probe"]:
            yield f"probe.{name}", data["probe"][name]


def places(part: Mapping[str, Any], files: Mapping[str, Mapping[str, Any]]) -> Iterator[tuple[str, Any]]:
    if part["use"] == "studio":
        yield from STUDIO[part["scene"]].items()
        return
    options = dict(files[part["use"]])
    if "paste_on" in part:
        options["paste_on"] = str(Path(files["mpi_inf_3dhp"]["root"]).parents[1] / "backgrounds")
    for key, value in options.items():
        yield key, "[" + ", ".join(f"{one!r}" for one in value) + "]" if isinstance(value, tuple) else value


def times(data: Mapping[str, Any]) -> Iterator[str]:
    """Short distances in time, and two steps of every phase."""
    near, far = SECONDS.get(data["dataset"]["use"], (0.17, 1.33))
    for key, value in (("positive_max_s", near), ("negative_min_s", far)):
        if key in data["sampler"]:
            yield f"sampler.{key}={value}"
    if data["losses"].get("contrast", {}).get("use") == "dsl":
        yield f"losses.contrast.threshold_s={far}"
    yield from (f"phases.{phase}.steps=2" for phase in data.get("phases", ()))
    if "steps" in data["training"]:
        yield "training.steps=2"
    if "warmup_steps" in data["training"]:
        yield "training.warmup_steps=0"


def networks(data: Mapping[str, Any]) -> Iterator[str]:
    """Tiny networks that start at random, of the same parts."""
    encoder = data["encoder"]
    wide = 12 if encoder.get("invariant", 0) == 0 else 9
    if encoder["use"] == "pooled":
        yield from ('encoder.model="resnet10t"', "encoder.network={ channels = [8, 8, 8, 8] }", "encoder.variant=8")
    else:
        yield from ('encoder.model="resnet18"', f"encoder.network={NETWORK}", f"encoder.variant={wide}")
        if wide == 9:
            yield "encoder.invariant=3"
        if "residual" in encoder:
            yield "encoder.residual={ width = 8, blocks = 1, dropout = 0.0 }"
    yield 'encoder.weights="random"'
    if data["detector"]["use"] == "stn":
        yield from ('detector.weights="random"', f"detector.network={NETWORK}", "detector.input_size=16")
    yield from others(data)


def others(data: Mapping[str, Any]) -> Iterator[str]:
    """A tiny decoder and losses that load nothing."""
    if "decoder" in data:
        yield from ("decoder.channels=[8, 8]", "decoder.convolutions=1")
    if data["losses"].get("reconstruction", {}).get("beta"):
        yield "losses.reconstruction.beta=0"
    if "pose" in data["losses"]:
        yield from ("losses.pose.width=8", "losses.pose.blocks=1")
    if data.get("background", {}).get("use") == "median":
        yield "background.require_motion=false"


def probing(data: Mapping[str, Any]) -> Iterator[str]:
    """A small head and few steps."""
    head = data["probe"]["head"]["use"]
    yield (
        'probe.head={ use = "mlp", hidden = 8, layers = 1 }'
        if head == "mlp"
        else ('probe.head={ use = "resnet_mlp", width = 8, blocks = 1 }')
    )
    yield from ("probe.steps=2", "probe.batch=4", "probe.labels=[4, 0]", "probe.stride=1")
