"""From the recipe's data sections to what a study reads."""

from collections.abc import Iterable, Mapping, Sequence

from medweave.data.fingerprint import Fingerprint
from medweave.data.study import InputSource, SegmentationSource, StudySource, TargetSource
from medweave.models.sizes import padded_size
from medweave.preprocessing.intensity import IntensityNormalisation
from medweave.preprocessing.pipeline import ForegroundCrop, Preprocessor
from medweave.recipes.data import Input
from medweave.recipes.schema import Patches, Preprocessing, Recipe


def resolve_spacing(recipe: Recipe, fingerprint: Fingerprint) -> Recipe:
    """Replace every `spacing_mm: auto` by the training cases' median spacing."""
    sections = {}
    for name, section in recipe.preprocessing.items():
        if section.spacing_mm == "auto":
            spacing = fingerprint.median_spacing_mm(
                orientation=section.orientation, image_names=recipe.data.inputs[name].channels
            )
            section = section.model_copy(update={"spacing_mm": tuple(round(value, 4) for value in spacing)})
        sections[name] = section
    return recipe.model_copy(update={"preprocessing": sections})


def without_auto_spacing(recipe: Recipe) -> Recipe:
    """Keep each file's spacing where it is `auto`, for looking at names before any file is read."""
    sections = {
        name: section.model_copy(update={"spacing_mm": None}) if section.spacing_mm == "auto" else section
        for name, section in recipe.preprocessing.items()
    }
    return recipe.model_copy(update={"preprocessing": sections})


def resolve_patch_sizes(
    recipe: Recipe, largest_size_voxels: Mapping[str, Sequence[int]], divisors: Mapping[str, Sequence[int]]
) -> Recipe:
    """Replace `patches.size_voxels: auto` by the largest preprocessed training case of each input.

    Sizes are rounded up to those that the network takes. A recipe without patches gets the same, that is whole cases.

    Args:
        recipe: The recipe.
        largest_size_voxels: Over the training cases, by input.
        divisors: What each axis of each input must be a multiple of.
    """
    patches = recipe.patches or Patches(foreground=0.0)
    wanted = largest_size_voxels if patches.size_voxels == "auto" else patch_sizes(patches, recipe.data.inputs)
    rounded = {name: padded_size(size, divisors[name]) for name, size in wanted.items()}
    return recipe.model_copy(update={"patches": patches.model_copy(update={"size_voxels": rounded})})


def patch_sizes(patches: Patches | None, inputs: Iterable[str]) -> dict[str, tuple[int, ...]]:
    """Return the size of a patch of each input; `auto` must be resolved."""
    if patches is None or patches.size_voxels == "auto":
        message = "patches.size_voxels is still auto; call resolve_patch_sizes first"
        raise ValueError(message)
    sizes = patches.size_voxels
    return dict(sizes) if isinstance(sizes, dict) else dict.fromkeys(inputs, sizes)


def input_of_head(recipe: Recipe, head: str) -> tuple[str, str]:
    """Return the input that a segmentation head is drawn on, and the image of it on whose grid its label map lies."""
    image_name = recipe.data.image_of(head)
    return next(name for name, source in recipe.data.inputs.items() if image_name in source.channels), image_name


def build_study_source(recipe: Recipe) -> StudySource:
    """Return what the study reads of each case; every `auto` must be resolved."""
    inputs = {
        name: InputSource(
            source.channels,
            _build_preprocessor(source, recipe.preprocessing.get(name, Preprocessing())),
            source.colour,
        )
        for name, source in recipe.data.inputs.items()
    }
    heads = {}
    for name, head in recipe.data.segmentation_heads.items():
        input_name, image_name = input_of_head(recipe, name)
        heads[name] = SegmentationSource(input_name, image_name, head.values, head.merged_values)
    targets = {
        name: TargetSource(head.target or name, head.classes, ignore=head.ignore, multi_label=head.multi_label)
        for name, head in recipe.data.classification_heads.items()
    }
    return StudySource(inputs, heads, targets)


def _build_preprocessor(source: Input, section: Preprocessing) -> Preprocessor:
    if section.spacing_mm == "auto":
        message = "spacing_mm is still auto; call resolve_spacing first"
        raise ValueError(message)
    intensity = section.intensity
    return Preprocessor(
        spatial_dims=source.spatial_dims,
        orientation=section.orientation,
        spacing_mm=section.spacing_mm,
        resize_voxels=section.resize_voxels,
        interpolation=section.interpolation,
        label_resampling=section.label_resampling,
        crop=ForegroundCrop(**section.crop.model_dump()) if section.crop else None,
        size_voxels=section.size_voxels,
        intensity=IntensityNormalisation(
            method=intensity.name,
            lower=intensity.lower,
            upper=intensity.upper,
            only_nonzero=intensity.only_nonzero,
        ),
    )
