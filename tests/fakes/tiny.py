"""Flags that make the shipped recipe `temporal` small enough to train in a test."""

TINY = (
    "dataset.subjects=1",
    "dataset.test_subjects=1",
    "dataset.validation_subjects=0",
    "dataset.seconds=3.0",
    "dataset.cameras=1",
    "dataset.size=32",
    'dataset.actions=["gait"]',
    "sampler.negative_min_s=1.0",
    "detector.input_size=32",
    "detector.network={ layers = [1, 1, 1, 1], channels = [8, 8, 8, 8] }",
    "encoder.network={ layers = [1, 1, 1, 1], channels = [8, 8, 8, 8] }",
    "encoder.variant=8",
    "encoder.invariant=4",
    "decoder.channels=[8, 8, 8]",
    "crop_size=16",
    "training.batch=2",
    "training.steps=4",
    "training.warmup_steps=0",
    "training.log_every=1",
    'training.precision="32-true"',
    "probe.steps=2",
    "probe.head.hidden=8",
)


def flags(*sets: str, small: tuple[str, ...] = TINY) -> list[str]:
    """The same on the command line, with others after them."""
    return [part for text in (*small, *sets) for part in ("--set", text)]
