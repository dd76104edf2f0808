"""A case: one examination of one subject."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class Case:
    """One examination of one subject, as the files of a layout describe it.

    Attributes:
        case_id: Unique in its index; also the stem of every file written for the case.
        subject_id: The person; cases of one subject never fall on two sides of a split.
        images: Path of each image by image name ("image", "ed", "flair").
        label_maps: Path of each label map, by the name of the image on whose grid it is drawn.
        targets: Class name of each classification target; several, where a case may have them, are joined by "|".
        attributes: Other facts in words or numbers ("height_cm", "sex", "source"), for measurements and the audit.
    """

    case_id: str
    subject_id: str
    images: Mapping[str, Path]
    label_maps: Mapping[str, Path] = field(default_factory=dict)
    targets: Mapping[str, str] = field(default_factory=dict)
    attributes: Mapping[str, str] = field(default_factory=dict)

    @property
    def paths(self) -> list[Path]:
        """Every file of the case, images first."""
        return [*self.images.values(), *self.label_maps.values()]
