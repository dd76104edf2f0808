"""From the recipe to what a training step is made of."""

from collections.abc import Iterable, Mapping, Sequence
from functools import partial

import numpy as np
from torch import nn, optim
from torch.optim.lr_scheduler import LRScheduler

from medweave.augmentation.augmentation import AUGMENTATIONS, AugmentationPipeline, SampleKeys
from medweave.building.components import build_component
from medweave.building.study import build_study_source, patch_sizes
from medweave.data.dataset import InputLayout, TrainingDataset
from medweave.data.preparation import PreparedCase
from medweave.data.study import StudySource
from medweave.losses.loss import LOSSES, MultiTaskLoss, WeightedLoss
from medweave.measurement_classifiers.cross_validation import Fit
from medweave.measurement_classifiers.fitting import MEASUREMENT_CLASSIFIERS
from medweave.models.multitask import MultiTaskModel
from medweave.optimization.optimizers import OPTIMIZERS
from medweave.optimization.schedulers import SCHEDULERS, Course
from medweave.recipes.data import SegmentationHead
from medweave.recipes.schema import Recipe

LOSS_ARGUMENTS = ("structures", "activation", "class_shares", "multi_label")
#: Keys of a loss in a recipe that are not for the loss itself.
LOSS_EXTRAS = ("weight",)


def build_loss(
    recipe: Recipe, model: MultiTaskModel, *, class_shares: Mapping[str, Sequence[float]] | None = None
) -> MultiTaskLoss:
    """Build the weighted sum of the heads' losses.

    Args:
        recipe: The recipe.
        model: The network, for the activations of its heads.
        class_shares: Share of the training cases that have each class, by classification head; by default equal.
    """
    terms = {}
    for name, component in recipe.losses.items():
        head = recipe.data.heads[name]
        given: dict[str, object]
        if isinstance(head, SegmentationHead):
            given = {
                "structures": len(head.structures),
                "activation": model.segmentation_heads[name].activation,
            }
        else:
            shares = (class_shares or {}).get(name, (1 / len(head.classes),) * len(head.classes))
            given = {"class_shares": shares, "multi_label": head.multi_label}
        loss = build_component(component, LOSSES, **given)
        terms[name] = WeightedLoss(loss, float(component.parameters.get("weight", 1.0)))
    return MultiTaskLoss(terms, learn_weights=recipe.training.loss_weighting == "uncertainty")


def build_optimizer(recipe: Recipe, parameters: Iterable[nn.Parameter]) -> optim.Optimizer:
    """Build the optimizer of some parameters."""
    optimizer: optim.Optimizer = build_component(recipe.optimizer, OPTIMIZERS, parameters)
    return optimizer


def build_scheduler(recipe: Recipe, optimizer: optim.Optimizer, course: Course) -> LRScheduler:
    """Build the learning-rate schedule."""
    scheduler: LRScheduler = build_component(recipe.scheduler, SCHEDULERS, optimizer, course)
    return scheduler


def class_shares(recipe: Recipe, cases: Sequence[PreparedCase]) -> dict[str, tuple[float, ...]]:
    """Return the share of the cases with a target that have each class, by classification head."""
    shares = {}
    for name, head in recipe.data.classification_heads.items():
        targets = [case.targets[name] for case in cases if name in case.targets]
        rows = [target if isinstance(target, tuple) else np.eye(len(head.classes))[target] for target in targets]
        counts = np.reshape(rows, (-1, len(head.classes))).sum(axis=0)
        shares[name] = tuple(float(count) / max(len(rows), 1) for count in counts)
    return shares


def build_training_dataset(recipe: Recipe, cases: Sequence[PreparedCase]) -> TrainingDataset:
    """Return the samples of the training cases; patch sizes must be resolved."""
    return TrainingDataset(
        cases,
        inputs=_build_sample_layouts(recipe, build_study_source(recipe)),
        foreground=recipe.patches.foreground if recipe.patches else 0.0,
        targets={
            name: (0.0,) * len(head.classes) if head.multi_label else 0
            for name, head in recipe.data.classification_heads.items()
        },
    )


def _build_sample_layouts(recipe: Recipe, source: StudySource) -> dict[str, InputLayout]:
    sizes = patch_sizes(recipe.patches, recipe.data.inputs)
    layouts = {}
    for name, entry in recipe.data.inputs.items():
        heads = tuple(head for head, reads in source.heads.items() if reads.input_name == name)
        keys = SampleKeys(images=(name,), label_maps=heads, spatial_dims=entry.spatial_dims)
        transforms = [build_component(component, AUGMENTATIONS, keys) for component in recipe.augmentation]
        layouts[name] = InputLayout(
            channels=entry.n_channels,
            heads=heads,
            patch_size_voxels=sizes[name],
            augment=AugmentationPipeline(transforms) if transforms else None,
        )
    return layouts


def build_fit(recipe: Recipe, head: str) -> Fit:
    """Return what fits the classifier of a head to measured cases."""
    return partial(build_component, recipe.measurement_classifiers[head], MEASUREMENT_CLASSIFIERS)
