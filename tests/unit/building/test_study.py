import pytest

from medweave.building.study import (
    build_study_source,
    patch_sizes,
    resolve_patch_sizes,
    resolve_spacing,
    without_auto_spacing,
)
from medweave.data.fingerprint import Fingerprint
from medweave.data.study import SegmentationSource, TargetSource
from medweave.preprocessing.intensity import IntensityNormalisation
from medweave.preprocessing.pipeline import ForegroundCrop, Preprocessor
from medweave.recipes.loader import load_recipe
from medweave.recipes.schema import Patches, Recipe

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


def _resolved(overrides, largest, divisors):
    patches = resolve_patch_sizes(load_recipe("heart", overrides), largest, divisors).patches
    assert patches is not None
    return patches


@pytest.mark.parametrize(
    ("overrides", "expected"),
    [
        (["patches.size_voxels=auto"], (64, 96, 116)),
        (["patches=null"], (64, 96, 116)),
        (["patches.size_voxels=[48, 50, 15]"], (48, 64, 16)),
        (["patches.size_voxels={mri: [48, 50, 15]}"], (48, 64, 16)),
    ],
)
def test_patch_size_is_rounded_up_to_the_network_s_step_along_each_axis(overrides, expected) -> None:
    patches = _resolved(overrides, {"mri": (50, 90, 115)}, {"mri": (16, 16, 4)})
    assert patches.size_voxels == {"mri": expected}
    assert patch_sizes(patches, ["mri"]) == {"mri": expected}


def test_whole_cases_are_patches_drawn_anywhere() -> None:
    patches = _resolved(["patches=null"], {"mri": (32, 16, 16)}, {"mri": (16, 16, 16)})
    assert patches == Patches(size_voxels={"mri": (32, 16, 16)}, foreground=0.0)


def test_a_patch_is_never_one_voxel_of_the_coarsest_level() -> None:
    assert _resolved(["patches=null"], {"mri": (16, 9, 3)}, {"mri": (16, 16, 4)}).size_voxels == {"mri": (32, 16, 4)}


def test_each_input_has_a_patch_size_of_its_own() -> None:
    largest, divisors = {"vessel": (30, 30, 9), "ct": (100, 70)}, {"vessel": (8, 8, 4), "ct": (32, 32)}
    patches = resolve_patch_sizes(_several_inputs(), largest, divisors).patches
    assert patches is not None
    assert patches.size_voxels == {"vessel": (32, 32, 12), "ct": (128, 96)}


def test_one_size_is_for_every_input() -> None:
    assert patch_sizes(Patches(size_voxels=(8, 8)), ["a", "b"]) == {"a": (8, 8), "b": (8, 8)}


@pytest.mark.parametrize("patches", [None, Patches()])
def test_an_unresolved_patch_size_is_a_mistake_of_the_program(patches) -> None:
    with pytest.raises(ValueError, match=r"patches\.size_voxels is still auto"):
        patch_sizes(patches, ["mri"])


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


def _several_inputs(**changes: object) -> Recipe:
    """A 3D input, a colour picture, and a class of several classes."""
    content = {
        "name": "several",
        "data": {
            "inputs": {
                "vessel": {"channels": ["t1", "t2"]},
                "ct": {"spatial_dims": 2, "channels": ["ct"], "colour": "rgb"},
            },
            "heads": {
                "plaque": {"kind": "classification", "classes": ["no", "yes"], "ignore": ["unsure"], "target": "grade"},
                "signs": {"kind": "classification", "classes": ["a", "b"], "multi_label": True},
            },
        },
        "model": {
            "encoders": {"vessel": {"name": "unet3d"}, "ct": {"name": "unet3d"}},
            "heads": {"plaque": {"name": "pooled_mlp"}, "signs": {"name": "pooled_mlp"}},
        },
        "losses": {"plaque": {"name": "focal"}, "signs": {"name": "cross_entropy"}},
    }
    return Recipe.model_validate(content | changes)


def test_an_input_s_images_are_its_channels_three_each_in_colour() -> None:
    inputs = build_study_source(_several_inputs()).inputs
    assert (inputs["vessel"].image_names, inputs["vessel"].n_channels) == (("t1", "t2"), 2)
    assert (inputs["ct"].image_names, inputs["ct"].colour, inputs["ct"].n_channels) == (("ct",), "rgb", 3)
    assert [inputs[name].preprocessor.spatial_dims for name in ("vessel", "ct")] == [3, 2]


def test_a_classification_head_reads_the_target_of_its_name_or_another() -> None:
    assert build_study_source(_several_inputs()).targets == {
        "plaque": TargetSource("grade", ("no", "yes"), ignore=("unsure",), multi_label=False),
        "signs": TargetSource("signs", ("a", "b"), ignore=(), multi_label=True),
    }


def test_head_reads_the_input_that_holds_its_image() -> None:
    overrides = [
        "data.inputs={t1: {channels: [t1]}, cine: {channels: [ed, es]}}",
        "data.heads={first: {kind: segmentation, structures: {a: 1}}, "
        "second: {kind: segmentation, structures: {b: [2, 1], c: 4}, of: es}}",
        "preprocessing={}",
        "model.encoders={t1: monai_unet, cine: monai_unet}",
        "model.heads={first: monai_unet_decoder, second: monai_unet_decoder}",
        "losses={first: dice_ce, second: dice_ce}",
    ]
    assert build_study_source(load_recipe("heart", overrides)).heads == {
        "first": SegmentationSource("t1", "t1", {"a": 1}),
        "second": SegmentationSource("cine", "es", {"b": 2, "c": 4}, {1: 2}),
    }
