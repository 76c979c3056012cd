"""A tiny copy of HaGRID in its own format: rectangles for hands, some annotated as each release does."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

BOX = (0.5, 0.25, 0.2, 0.4)
SIZE_WH = (96, 64)
COLOURS = {"call": (220, 60, 60), "like": (60, 200, 60), "no_gesture": (60, 60, 220)}
USERS = ("anna", "bert", "cleo", "dora")


def first_release(user: str, gesture: str) -> dict[str, Any]:
    """An entry of the first release: the gesture's hand, and one at rest."""
    rest = (0.05, 0.6, 0.1, 0.3)
    return {
        "bboxes": [rest, BOX],
        "landmarks": [[], [[0.5, 0.5]] * 21],
        "labels": ["no_gesture", gesture],
        "leading_hand": "left",
        "leading_conf": 1.0,
        "user_id": user,
    }


def second_release(user: str, gesture: str) -> dict[str, Any]:
    """An entry of the second one."""
    return {
        "bboxes": [BOX],
        "labels": [gesture],
        "united_bbox": None,
        "united_label": None,
        "user_id": user,
        "hand_landmarks": None,
        "meta": {"age": [31.0], "gender": ["female"], "race": ["White"]},
    }


def write_example(folder: Path) -> dict[str, Any]:
    """Write it there; the options that name it."""
    from PIL import Image, ImageDraw

    root = folder / "hagrid"
    for split, users in (("train", USERS[:2]), ("val", USERS[2:3]), ("test", USERS[3:])):
        for gesture in ("call", "like"):
            entries = {}
            for user in users:
                for number in range(2):
                    stem = f"{gesture}-{user}-{number}"
                    entry = (first_release if number else second_release)(user, gesture)
                    image = Image.new("RGB", SIZE_WH, (128, 128, 128))
                    pen = ImageDraw.Draw(image)
                    for label, (left, top, width, height) in zip(entry["labels"], entry["bboxes"], strict=True):
                        x, y = left * SIZE_WH[0], top * SIZE_WH[1]
                        edges = (x, y, x + width * SIZE_WH[0] - 1, y + height * SIZE_WH[1] - 1)
                        pen.rectangle(edges, fill=COLOURS[label])
                    path = root / "hagrid_dataset" / gesture / f"{stem}.jpg"
                    path.parent.mkdir(parents=True, exist_ok=True)
                    image.save(path, quality=95)
                    entries[stem] = entry
            told = root / "annotations" / split / f"{gesture}.json"
            told.parent.mkdir(parents=True, exist_ok=True)
            told.write_text(json.dumps(entries))
    return {"root": str(root), "height": 32}
