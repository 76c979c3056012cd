"""Calibration files of Qualisys (``.qca.txt``): XML with one camera per element, lengths in mm.

The rows r1. r2. r3. of ``transform`` are the camera's own axes in the world: right, up, and backward (out of the
lens, away from the scene); x y z is its centre. Core's camera looks along +z with +y down, so rows two and three
change sign. Intrinsics and principal point are in 1/64 pixel.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import numpy as np

from ...core.errors import DataError
from ...core.interfaces import Clip
from ...media.camera import Camera
from ...media.images import Range

SUBPIXELS = 64


def read_qualisys(path: Path) -> dict[str, Camera]:
    """Cameras by serial, for the full image as it was calibrated.

    Raises:
        DataError: If the file is missing or no such calibration.
    """
    try:
        root = ElementTree.fromstring(path.read_bytes())
        cameras = {element.attrib["serial"]: _camera(element) for element in root.iter("camera")}
    except OSError as error:
        raise DataError(f"the calibration cannot be read: {error.strerror}", where=str(path)) from None
    except (ElementTree.ParseError, KeyError, ValueError, AttributeError) as error:
        raise DataError(
            f"this is no Qualisys calibration: {error}", where=str(path), hint="expected is the XML of a .qca.txt file"
        ) from None
    if not cameras:
        raise DataError("there is no camera in the calibration", where=str(path))
    return cameras


def _camera(element: ElementTree.Element) -> Camera:
    if turned := int(element.get("viewrotation", "0")):
        raise ValueError(f"camera {element.attrib['serial']} has viewrotation {turned}, only 0 is understood")
    transform, lens, view = (_numbers(element, name) for name in ("transform", "intrinsic", "fov_video"))
    axes_33 = np.array([[transform[f"r{row}{column}"] for column in (1, 2, 3)] for row in (1, 2, 3)])
    rotation_33 = np.diag([1.0, -1.0, -1.0]) @ axes_33
    centre_3 = np.array([transform[axis] for axis in "xyz"])
    intrinsics_33 = np.array(
        [
            [lens["focalLengthU"], lens["skew"], lens["centerPointU"] - SUBPIXELS * view["left"]],
            [0.0, lens["focalLengthV"], lens["centerPointV"] - SUBPIXELS * view["top"]],
            [0.0, 0.0, SUBPIXELS],
        ]
    )
    return Camera(
        rotation_33=rotation_33,
        translation_3=-rotation_33 @ centre_3,
        intrinsics_33=intrinsics_33 / SUBPIXELS,
        size_WH=(round(view["right"] - view["left"]) + 1, round(view["bottom"] - view["top"]) + 1),
        distortion=(
            lens["radialDistortion1"],
            lens["radialDistortion2"],
            lens["tangentalDistortion1"],  # spelt so in the files
            lens["tangentalDistortion2"],
            lens["radialDistortion3"],
        ),
    )


def _numbers(element: ElementTree.Element, name: str) -> dict[str, float]:
    found = element.find(name)
    if found is None:
        raise ValueError(f"a camera has no element {name!r}")
    return {key: float(text) for key, text in found.attrib.items()}


def camera_of(stem: str, name: str, cameras: Mapping[str, Camera], where: str) -> Camera:
    """The calibrated camera of a file: its serial is the clip's camera or stands in the file's name.

    Raises:
        DataError: If none or several fit.
    """
    fitting = [serial for serial in cameras if serial == name] or [serial for serial in cameras if serial in stem]
    if len(fitting) != 1:
        raise DataError(
            f"{'no' if not fitting else 'more than one'} camera of the calibration fits the file {stem!r}",
            where=where,
            hint=f"it has the serials {', '.join(cameras)}; one must be the camera's name or stand in the file's name",
        )
    return cameras[fitting[0]]


def cut_out(camera: Camera, crop_x: Range, crop_y: Range, size_WH: tuple[int, int]) -> Camera:
    """The camera of a part of its image, given in percent of the sides, at another size."""
    intrinsics_33 = camera.intrinsics_33.copy()
    for axis, crop in enumerate((crop_x, crop_y)):
        share = (crop[1] - crop[0]) / 100
        ratio = size_WH[axis] / (camera.size_WH[axis] * share)
        intrinsics_33[axis] *= ratio
        intrinsics_33[axis, 2] += (ratio - 1) / 2 - crop[0] / 100 / share * size_WH[axis]  # integers are pixel centres
    return replace(camera, intrinsics_33=intrinsics_33, size_WH=size_WH)


def cameras_of(
    clips: Sequence[Clip], path: Path, crop: tuple[Range, Range], size_WH: tuple[int, int]
) -> dict[str, Camera]:
    """The cut-out view of every camera that took one of the clips, by its name.

    Raises:
        DataError: If the file is no calibration, or does not have just one camera for a clip.
    """
    known = read_qualisys(path)
    whole = {clip.camera: camera_of(clip.name, clip.camera, known, str(path)) for clip in clips}
    return {name: cut_out(camera, *crop, size_WH) for name, camera in whole.items()}
