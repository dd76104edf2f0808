"""A picture of the answer."""

from pathlib import Path

from medweave.data.case import Case
from medweave.inference.prediction import Prediction, SegmentationHeadInfo
from medweave.inference.writers.drawing import draw_overlay
from medweave.inference.writers.words import picture_title
from medweave.inference.writers.writer import WRITERS
from medweave.preprocessing.geometry import to_array
from medweave.preprocessing.readers.medical import read_channels


@WRITERS.register("overlay")
class OverlayWriter:
    """Three planes through the structures, outlined, `<case_id>_<head>_overlay.png`."""

    def write(
        self, prediction: Prediction, head: str, *, case: Case, info: SegmentationHeadInfo, folder: Path
    ) -> list[Path]:
        """Draw the picture."""
        segmentation = prediction.segmentations[head]
        axes = segmentation.label_map.GetDimension()
        image = read_channels(case.images[info.image_name], spatial_dims=axes)[0]
        path = folder / f"{case.case_id}_{head}_overlay.png"
        labels, title = to_array(segmentation.label_map), picture_title(prediction, case, head)
        return [draw_overlay(path, image, labels, structures=info.structures, title=title)]
