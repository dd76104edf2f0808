import numpy as np
import pytest

from medweave.building.study import build_study_source, resolve_patch_size, resolve_spacing, without_auto_spacing
from medweave.data.fingerprint import Fingerprint
from medweave.data.study import SegmentationSource
from medweave.preprocessing.intensity import IntensityNormalisation
from medweave.preprocessing.pipeline import ForegroundCrop, Preprocessor
from medweave.recipes.loader import load_recipe
from medweave.recipes.schema import Patches

AUTO = "preprocessing.mri.spacing_mm=auto"


class MeasuredFingerprint(Fingerprint):
    """A fingerprint whose median spacing is known."""

    def __init__(self) -> None:
        """Leave the base empty."""

    def median_spacing_mm(self, *, orientation, image_names):
        assert tuple(image_names) == ("image",)
        return (1.23456, 2.0, 3.0) if orientation == "RAS" else (9.0, 9.0, 9.0)


def test_auto_spacing_becomes_the_median_of_the_training_cases() -> None:
    recipe = load_recipe("reference/heart_monai")
    resolved = resolve_spacing(recipe, MeasuredFingerprint())
    assert resolved.preprocessing["mri"].spacing_mm == (1.2346, 2.0, 3.0)
    assert recipe.preprocessing["mri"].spacing_mm == "auto"


def test_spacing_that_is_written_stays() -> None:
    recipe = load_recipe("heart")
    assert resolve_spacing(recipe, MeasuredFingerprint()) == recipe
    assert without_auto_spacing(recipe) == recipe


def test_names_can_be_checked_before_the_spacing_is_known() -> None:
    recipe = without_auto_spacing(load_recipe("heart", [AUTO]))
    assert build_study_source(recipe).inputs["mri"].preprocessor.spacing_mm is None


def test_unresolved_spacing_is_a_mistake_of_the_program() -> None:
    with pytest.raises(ValueError, match="spacing_mm is still auto"):
        build_study_source(load_recipe("heart", [AUTO]))


@pytest.mark.parametrize(
    ("overrides", "expected"),
    [
        (["patches.size_voxels=auto"], (64, 96, 112)),
        (["patches=null"], (64, 96, 112)),
        (["patches.size_voxels=[48, 50, 16]"], (48, 64, 16)),
    ],
)
def test_patch_size_is_rounded_up_to_the_networks_step(overrides, expected) -> None:
    resolved = resolve_patch_size(load_recipe("heart", overrides), (50, 90, 112), 16)
    assert resolved.patches is not None
    assert resolved.patches.size_voxels == expected
    assert np.mod(resolved.patches.size_voxels, 16).tolist() == [0, 0, 0]


def test_whole_cases_are_patches_drawn_anywhere() -> None:
    resolved = resolve_patch_size(load_recipe("heart", ["patches=null"]), (16, 16, 16), 16)
    assert resolved.patches == Patches(size_voxels=(16, 16, 16), foreground=0.0)


def test_preprocessor_is_what_the_recipe_says() -> None:
    overrides = [
        "preprocessing.mri={orientation: SAR, spacing_mm: [1, 2, 3], interpolation: cubic, label_resampling: majority, "
        "crop: {above: 5, margin_voxels: 2}, size_voxels: [8, 9, 10], "
        "intensity: {name: range, lower: -100, upper: 300, only_nonzero: true}}"
    ]
    source = build_study_source(load_recipe("heart", overrides)).inputs["mri"]
    assert source.image_names == ("image",)
    assert source.preprocessor == Preprocessor(
        spatial_dims=3,
        orientation="SAR",
        spacing_mm=(1.0, 2.0, 3.0),
        interpolation="cubic",
        label_resampling="majority",
        crop=ForegroundCrop(above=5, margin_voxels=2),
        size_voxels=(8, 9, 10),
        intensity=IntensityNormalisation(method="range", lower=-100, upper=300, only_nonzero=True),
    )


def test_input_without_a_section_is_only_normalised() -> None:
    source = build_study_source(load_recipe("heart", ["preprocessing={}"]))
    assert source.inputs["mri"].preprocessor == Preprocessor()


def test_head_reads_the_input_that_holds_its_image() -> None:
    overrides = [
        "data.inputs={t1: {channels: [t1]}, cine: {channels: [ed, es]}}",
        "data.heads={first: {structures: {a: 1}}, second: {structures: {b: 2}, of: es}}",
        "preprocessing={}",
        "model.encoders={t1: monai_unet, cine: monai_unet}",
        "model.heads={first: monai_unet_decoder, second: monai_unet_decoder}",
        "losses={first: dice_ce, second: dice_ce}",
    ]
    assert build_study_source(load_recipe("heart", overrides)).heads == {
        "first": SegmentationSource("t1", "t1", {"a": 1}),
        "second": SegmentationSource("cine", "es", {"b": 2}),
    }
