"""An example for a model: a drawn phantom of the kind that it takes, or else its golden case."""

from pathlib import Path

from medweave.data.case import Case
from medweave.data.layouts.layout import scan
from medweave.exporting.golden import write_golden_input
from medweave.inference.bundle import BundleFolder
from medweave.inference.golden import golden_case
from medweave.phantoms.cardiac import write_cardiac_study
from medweave.phantoms.chest_xray import write_chest_xray_study
from medweave.phantoms.heart import write_heart_study
from medweave.serving.served_model import ServedModel

#: Of the phantoms, and not that of the demo, so that no model has seen it.
SEED = 20
#: Fewer leave a class without an image, which its layout refuses.
MIN_RADIOGRAPHS = 12


def example_case(model: ServedModel, folder: Path) -> Case:
    """Write an example for a model.

    Args:
        model: That it is for.
        folder: New folder, where the files go.

    Returns:
        A case with label maps where it is a phantom, whose truth is known.
    """
    match {name: preprocessor.spatial_dims for name, preprocessor in model.preprocessors.items()}:
        case {"ed": 3, "es": 3, **others} if not others:
            write_cardiac_study(folder, n_cases=1, seed=SEED)
        case {"image": 3, **others} if not others:
            write_heart_study(folder, n_cases=1, seed=SEED)
        case {"image": 2, **others} if not others:
            write_chest_xray_study(folder, n_cases=MIN_RADIOGRAPHS, seed=SEED, share_without_mask=0.0)
        case _:
            return _golden(model, folder)
    return scan(folder).cases[0]


def _golden(model: ServedModel, folder: Path) -> Case:
    golden = BundleFolder(model.folder).golden
    if not golden.is_dir():
        write_golden_input(model.predictor, folder)
        golden = folder
    return golden_case(golden)
