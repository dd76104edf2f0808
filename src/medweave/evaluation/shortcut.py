"""The control for shortcuts: does a classifier look where the disease is, or elsewhere?

A classifier of chest X-rays that still tells the classes without the lungs has learnt the hospitals (Maguolo
and Nanni, Information Fusion 2021;76:1; DeGrave, Janizek and Lee, Nature Machine Intelligence 2021;3:610).
"""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from medweave.data.case import Case
from medweave.evaluation.classification import ClassifiedCase, summarise_classification
from medweave.inference.prediction import Prediction
from medweave.inference.predictor import Predictor
from medweave.preprocessing.geometry import Grid, to_array, to_image
from medweave.preprocessing.readers.medical import read_channels, read_label_map

Control = Literal["whole_image", "region_alone", "region_removed"]
CONTROLS: tuple[Control, ...] = ("whole_image", "region_alone", "region_removed")
CONTROL_METRICS = ("accuracy", "balanced_accuracy", "roc_auc")
#: ROC AUC of answers that know nothing.
GUESSED_AREA = 0.5


def controlled_cases(predictor: Predictor, case: Case, prediction: Prediction, folder: Path) -> dict[Control, Case]:
    """Write a case's images with all but the masked region, and with the region itself, at the image's mean.

    The region is everything that the true label map of an image names or, where there is none, the predicted ones; an
    image without either takes the regions of the other images of the case that lie on the same grid.

    Args:
        predictor: The model.
        case: Its files.
        prediction: The answers to the case.
        folder: Existing folder for the images.

    Returns:
        The case as it is and the two altered ones; none where an image has no region, or an empty one.

    Raises:
        DataError: A file cannot be used.
    """
    regions = _regions(predictor, case, prediction)
    altered: dict[Control, dict[str, Path]] = {"region_alone": {}, "region_removed": {}}
    for name, source in predictor.source.inputs.items():
        if name in prediction.missing_inputs:
            continue
        for image_name in source.image_names:
            dims = source.preprocessor.spatial_dims
            channels = read_channels(case.images[image_name], spatial_dims=dims, colour=source.colour)
            grid = Grid.of(channels[0])
            own = [regions[image_name]] if image_name in regions else regions.values()
            region = np.any([found for found, of in own if not grid.difference(of)], axis=0)
            if not region.any():
                return {}
            for control, paths in altered.items():
                paths[image_name] = folder / f"{control}_{image_name}.mha"
                kept = region if control == "region_alone" else ~region
                _write(paths[image_name], [_filled(channel, kept) for channel in channels])
    return {"whole_image": case, **{control: replace(case, images=paths) for control, paths in altered.items()}}


def summarise_control(
    found: Mapping[Control, Sequence[ClassifiedCase]],
    *,
    classes: Sequence[str],
    multi_label: bool,
    n_judged: int,
    judged_classes: Collection[str],
    seed: int = 0,
) -> dict[str, Any]:
    """Return a head's `shortcut_control` for summary.json.

    Args:
        found: Answers to the same cases under each control, at least one.
        classes: Names, in the order of the head's answers.
        multi_label: Whether a case may have several classes, or none.
        n_judged: Cases that the head was judged on, with a region or without.
        judged_classes: Classes that any of these has.
        seed: Of the intervals' resampling.
    """
    cases = found["whole_image"]
    summaries = {
        control: summarise_classification(
            found[control], classes=classes, multi_label=multi_label, n_part_cases=len(cases), seed=seed
        )
        for control in CONTROLS
    }
    most_frequent = max(Counter(case.truth for case in cases).values()) / len(cases)
    return {
        "n_cases": len(cases),
        "n_without_region": n_judged - len(cases),
        "most_frequent_class_share": most_frequent,
        **{control: {metric: summaries[control][metric] for metric in CONTROL_METRICS} for control in CONTROLS},
        "meaning": _meaning(summaries["region_removed"], most_frequent) + _left_out(cases, judged_classes),
    }


def _regions(predictor: Predictor, case: Case, prediction: Prediction) -> dict[str, tuple[NDArray[np.bool_], Grid]]:
    """Return what is masked, with its grid, by image: its true label map, or else all that was predicted on it."""
    label_maps: dict[str, list[sitk.Image]] = {
        image_name: [read_label_map(case.label_maps[image_name], spatial_dims=source.preprocessor.spatial_dims)]
        for source in predictor.source.inputs.values()
        for image_name in source.image_names
        if image_name in case.label_maps
    }
    for head, found in prediction.segmentations.items():
        image_name = predictor.segmentation_heads[head].image_name
        if image_name not in case.label_maps:
            label_maps.setdefault(image_name, []).append(found.label_map)
    return {
        image_name: (np.any([to_array(label_map) > 0 for label_map in drawn], axis=0), Grid.of(drawn[0]))
        for image_name, drawn in label_maps.items()
    }


def _filled(channel: sitk.Image, kept: NDArray[np.bool_]) -> sitk.Image:
    """Return an image with its mean everywhere but where `kept`."""
    array = to_array(channel)
    return to_image(np.where(kept, array, array.mean(dtype=np.float64)).astype(np.float32), Grid.of(channel))


def _write(path: Path, channels: Sequence[sitk.Image]) -> None:
    sitk.WriteImage(channels[0] if len(channels) == 1 else sitk.Compose(list(channels)), str(path))


def _meaning(removed: Mapping[str, Any], most_frequent: float) -> str:
    """Say what accuracy and ROC AUC without the region mean; the latter sees what a shifted threshold hides."""
    accuracy, area = removed["accuracy"], removed["roc_auc"]
    guess = f"always the most frequent class: {most_frequent:.0%}"
    found = f"{accuracy['mean']:.0%} of the cases are still answered right ({guess})"
    if area["mean"] is not None:
        found += f", with a ROC AUC of {area['mean']:.2f} (guessing: {GUESSED_AREA:.2f})"
    lows = {"accuracy": (accuracy["ci95"][0], most_frequent), "roc_auc": (area["ci95"][0], GUESSED_AREA)}
    known = [low > guessed for low, guessed in lows.values() if low is not None]
    if any(known):
        verdict = "clearly more than guessing. What lies outside the region tells the classes apart: a likely shortcut"
    elif known:
        verdict = "not clearly more than guessing. These cases show no shortcut outside the region"
    else:
        verdict = "too few cases to tell that from guessing"
    return f"Without the masked region, {found}: {verdict}."


def _left_out(cases: Sequence[ClassifiedCase], judged_classes: Collection[str]) -> str:
    """Name the classes that are not compared, because the region is absent where they are true."""
    absent = [name for name in judged_classes if not any(name in case.truth for case in cases)]
    return f" No case of {' or '.join(absent)} has a masked region; their part is not known." if absent else ""
