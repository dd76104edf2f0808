"""The volume of every structure."""

from collections.abc import Collection, Mapping

from medweave.measurements.measurement import MEASUREMENTS, Measurement, Measurements, Segmentation


@MEASUREMENTS.register("volumes")
class Volumes(Measurements):
    """Volume of every structure of every segmentation head (in 2D: area)."""

    def problems(self, structures: Mapping[str, Collection[str]], spatial_dims: Mapping[str, int]) -> list[str]:
        """Return nothing: every label map has volumes."""
        return []

    def __call__(self, segmentations: Mapping[str, Segmentation], attributes: Mapping[str, str]) -> list[Measurement]:
        """Return `HEAD_STRUCTURE_volume` in mL, or `HEAD_STRUCTURE_area` in cm² in 2D."""
        return [
            Measurement(f"{head}_{structure}_{quantity}", segmentation.volume_ml(structure), unit)
            for head, segmentation in segmentations.items()
            for quantity, unit in [("volume", "mL") if segmentation.grid.spatial_dims == 3 else ("area", "cm²")]
            for structure in segmentation.structures
        ]
