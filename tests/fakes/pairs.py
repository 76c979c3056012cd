"""Flags that make the shipped recipes of completion small enough to train in a test."""

STUDIO = (
    *("dataset.subjects=1", "dataset.test_subjects=2", "dataset.validation_subjects=0", "dataset.seconds=2.0"),
    *("dataset.cameras=2", "dataset.size=32"),
)
PAIRS = ("sampler.change_min=0.0",)
VIEWS = ("sampler.angle_max_deg=180.0",)
NETWORKS = (
    *("encoder.width=16", "encoder.depth=1", "encoder.heads=2", "decoder.width=16", "decoder.depth=1"),
    *(
        "decoder.heads=2",
        "encoder.patch=8",
        "corruption.ratio=0.75",
        "crop_size=32",
        "training.batch=4",
        "training.steps=2",
        "training.warmup_steps=0",
    ),
)
SMALL = (*STUDIO, *PAIRS, *VIEWS, *NETWORKS)
