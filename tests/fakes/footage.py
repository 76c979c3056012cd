"""Footage without files."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

import numpy as np

from poserep.core.interfaces import Array


class Numbered:
    """Frames that bear their number, and count how often they are decoded."""

    def __init__(self, count: int = 40, bad: tuple[int, ...] = (), slow_s: float = 0.0) -> None:
        self.name, self.frame_size = "numbered", (8, 8)
        self.instead: dict[int, int] = {}
        self.times_s = np.arange(count) / 25
        self.asked: list[int] = []
        self.bad, self.slow_s = bad, slow_s

    @property
    def skipped(self) -> int:
        return len(self.instead)

    def __len__(self) -> int:
        return len(self.times_s)

    def identity(self) -> Mapping[str, Any]:
        return {"path": "numbered"}

    def read(self, indices: Array) -> Array:
        time.sleep(self.slow_s)
        self.asked += indices.tolist()
        self.instead |= {index: index - 1 for index in indices.tolist() if index in self.bad}
        shown = [self.instead.get(index, index) for index in indices.tolist()]
        return (np.array(shown) % 256).astype(np.uint8)[:, None, None, None] + np.zeros((3, *self.frame_size), np.uint8)
