"""A picture of where a classification head looked."""

from collections.abc import Mapping
from pathlib import Path

from medweave.data.case import Case
from medweave.data.study import StudySource
from medweave.inference.prediction import Prediction, SegmentationHeadInfo
from medweave.inference.writers.drawing import draw_overlay
from medweave.preprocessing.geometry import to_array
from medweave.preprocessing.readers.medical import read_channels


def write_attention(
    prediction: Prediction,
    head: str,
    *,
    case: Case,
    source: StudySource,
    segmentation_heads: Mapping[str, SegmentationHeadInfo],
    folder: Path,
) -> list[Path]:
    """Write `<case_id>_<head>_attention_<input>.png` for each input that the case has; none without attention.

    The heat map lies over the input's first image; the structures found on that input are outlined.
    """
    answer = prediction.classifications[head]
    if answer.attention is None:
        return []
    paths = []
    for name, heat in answer.attention.maps.items():
        image = read_channels(case.images[source.inputs[name].image_names[0]], spatial_dims=heat.ndim)[0]
        drawn = next((key for key, info in segmentation_heads.items() if info.input_name == name), None)
        share = answer.attention.inside.get(drawn or "")
        where = "" if share is None else f"\n{share:.0%} of it in {drawn}"
        where = where if heat.any() else "\nnothing in this image speaks for it"
        path = draw_overlay(
            folder / f"{case.case_id}_{head}_attention_{name}.png",
            image,
            to_array(prediction.segmentations[drawn].label_map) if drawn else None,
            structures=segmentation_heads[drawn].structures if drawn else {},
            title=f"{case.case_id}: attention for {answer.attention.class_name} "
            f"({answer.probabilities[answer.attention.class_name]:.0%}){where}"
            + "".join(f"\ndoubtful {warning}" for warning in prediction.warnings),
            heat=heat,
        )
        paths.append(path)
    return paths
