"""The layout `paired_files`: one folder, where each mask is named after its image."""

from pathlib import Path

from medweave.core.errors import DataError
from medweave.data.case import Case
from medweave.data.index import DatasetIndex
from medweave.data.layouts.layout import LAYOUTS


@LAYOUTS.register("paired_files")
class PairedFilesLayout:
    """NAME.nii.gz beside NAME_seg.nii.gz in one folder; an image may lack its mask.

    Args:
        mask_suffix: What the name of a mask has more than that of its image.
        suffix: Of the files.
    """

    tree = "  <case>.nii.gz\n  <case>_seg.nii.gz   (optional)"

    def __init__(self, *, mask_suffix: str = "_seg", suffix: str = ".nii.gz") -> None:
        self.mask_suffix, self.suffix = mask_suffix, suffix

    def matches(self, root: Path) -> bool:
        """Tell whether the folder has an image with its mask."""
        return any(self._mask(image).is_file() for image in self._images(root))

    def scan(self, root: Path) -> DatasetIndex:
        """List the images, with the mask of each that has one."""
        images = self._images(root)
        if not images:
            raise DataError("the folder has no image", where=root, wanted=f"<case>{self.suffix}", fix="add images.")
        return DatasetIndex(
            name=root.name,
            root=root,
            layout="paired_files",
            cases=tuple(self._case(image) for image in images),
            structures={},
        )

    def _images(self, root: Path) -> list[Path]:
        masks = f"{self.mask_suffix}{self.suffix}"
        # Sorted by the name of the case: by the file's, "a-1.nii.gz" would come before "a.nii.gz".
        return sorted((path for path in root.glob(f"*{self.suffix}") if not path.name.endswith(masks)), key=self._name)

    def _name(self, image: Path) -> str:
        return image.name.removesuffix(self.suffix)

    def _mask(self, image: Path) -> Path:
        return image.with_name(f"{self._name(image)}{self.mask_suffix}{self.suffix}")

    def _case(self, image: Path) -> Case:
        name, mask = self._name(image), self._mask(image)
        label_maps = {"image": mask} if mask.is_file() else {}
        return Case(case_id=name, subject_id=name, images={"image": image}, label_maps=label_maps)
