"""A picture of the answer."""

from pathlib import Path

from medweave.data.case import Case
from medweave.figures.overlay import overlay_figure
from medweave.figures.page import save_figure
from medweave.inference.prediction import Prediction, SegmentationHeadInfo
from medweave.inference.writers.words import picture_title
from medweave.inference.writers.writer import WRITERS
from medweave.preprocessing.geometry import Grid, to_array
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
        figure = overlay_figure(
            to_array(image),
            to_array(segmentation.label_map),
            spacing_mm=Grid.of(image).spacing_mm,
            orientation=Grid.of(image).orientation,
            structures=info.structures,
            title=picture_title(prediction, case, head),
        )
        path = folder / f"{case.case_id}_{head}_overlay.png"
        save_figure(figure, path)
        return [path]
