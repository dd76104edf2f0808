"""The layout of the Medical Segmentation Decathlon (Antonelli et al., Nat Commun 2022;13:4128)."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from medweave.core.errors import DataError
from medweave.core.files import read_json
from medweave.data.case import Case
from medweave.data.index import DatasetIndex
from medweave.data.layouts.layout import LAYOUTS

IMAGE_NAME = "image"
SUFFIXES = (".nii.gz", ".nii")


@LAYOUTS.register("msd")
class MsdLayout:
    """dataset.json beside imagesTr, labelsTr and (optionally) imagesTs; `.nii` and `.nii.gz`.

    The image is called "image"; a file with several channels (4D) stays one image. Entries that start with "._"
    (left by macOS archives) are skipped. A listed file may be stored with either suffix.
    """

    tree = (
        "  dataset.json\n"
        "  imagesTr/<case>.nii.gz\n"
        "  labelsTr/<case>.nii.gz   (same names as imagesTr)\n"
        "  imagesTs/<case>.nii.gz   (optional, without labels)"
    )

    def matches(self, root: Path) -> bool:
        """Tell whether there is a dataset.json and an imagesTr folder."""
        return (root / "dataset.json").is_file() and (root / "imagesTr").is_dir()

    def scan(self, root: Path) -> DatasetIndex:
        """List the cases that dataset.json names, labelled and unlabelled."""
        if not (root / "dataset.json").is_file():
            raise DataError(
                "the folder has no dataset.json, so it is not of the layout msd",
                where=root,
                fix=f"name another layout (data.layout in the recipe), or arrange the folder like this:\n{self.tree}",
            )
        description = _read_description(root / "dataset.json")
        cases = [
            _labelled_case(root, entry, position)
            for position, entry in enumerate(description.get("training", []))
            if not _is_resource_fork(entry)
        ]
        for entry in description.get("test", []):
            if not _is_resource_fork(entry):
                path = _existing_file(root, entry.get("image") if isinstance(entry, Mapping) else entry)
                cases.append(Case(_case_id(path), _case_id(path), images={IMAGE_NAME: path}))
        return DatasetIndex(
            name=str(description.get("name", root.name)),
            root=root,
            layout="msd",
            cases=tuple(sorted(cases, key=lambda case: case.case_id)),
            structures={IMAGE_NAME: _structures(description, root / "dataset.json")},
        )


def _read_description(path: Path) -> dict[str, Any]:
    description = read_json(path)
    if not isinstance(description, dict) or not isinstance(description.get("training"), list):
        raise DataError(
            "dataset.json has no list `training`",
            where=path,
            wanted='{"labels": {"0": "background", …}, "training": [{"image": …, "label": …}, …]}',
            fix="write it as the Medical Segmentation Decathlon does.",
        )
    return description


def _structures(description: dict[str, Any], path: Path) -> dict[str, int]:
    labels = description.get("labels", {})
    try:
        return {
            str(name).strip().lower().replace(" ", "_"): int(value) for value, name in labels.items() if int(value) != 0
        }
    except (ValueError, AttributeError) as error:
        raise DataError(
            "dataset.json: `labels` is not a table from number to name",
            where=path,
            got=labels,
            wanted='{"0": "background", "1": "left atrium"}',
        ) from error


def _labelled_case(root: Path, entry: object, position: int) -> Case:
    if not isinstance(entry, Mapping) or "image" not in entry or "label" not in entry:
        raise DataError(
            f"dataset.json: entry {position} of `training` is incomplete",
            where=root / "dataset.json",
            got=entry,
            wanted='{"image": "./imagesTr/…", "label": "./labelsTr/…"}',
            fix="complete the entry; an image without a label belongs into the list `test`.",
        )
    image, label = _existing_file(root, entry["image"]), _existing_file(root, entry["label"])
    return Case(_case_id(image), _case_id(image), images={IMAGE_NAME: image}, label_maps={IMAGE_NAME: label})


def _existing_file(root: Path, file: object) -> Path:
    # Links are not followed here: a data folder may well be made of links to files elsewhere.
    path = Path(os.path.normpath(root / str(file)))
    if not path.is_relative_to(root):
        raise DataError(
            "dataset.json names a file outside the data folder",
            where=root / "dataset.json",
            got=file,
            fix="name it by its path below the folder; a link to a file elsewhere is fine.",
        )
    folder, stem = path.parent, _case_id(path)
    for candidate in (path, *(folder / f"{stem}{suffix}" for suffix in SUFFIXES)):
        if candidate.is_file():
            return candidate
    raise DataError(
        "dataset.json names a file that is absent",
        where=root / "dataset.json",
        got=file,
        fix="restore the file, or remove the entry from dataset.json.",
    )


def _case_id(path: Path) -> str:
    for suffix in SUFFIXES:
        if path.name.endswith(suffix):
            return path.name.removesuffix(suffix)
    return path.stem


def _is_resource_fork(entry: object) -> bool:
    file = entry.get("image", "") if isinstance(entry, Mapping) else entry
    return Path(str(file)).name.startswith("._")
