"""Each component against the contract of its kind."""

import math
from pathlib import Path

import pytest
import torch

from medweave.core.registry import load_plugins
from medweave.losses.loss import LOSSES
from medweave.testing.encoder import EncoderContract
from medweave.testing.head import HeadContract
from medweave.testing.layout import LayoutContract
from medweave.testing.loss import LossContract

MODULES = ("paired_files", "separable", "summed_pyramid", "log_cosh_dice")

load_plugins(f"medweave_example.{module}" for module in MODULES)


class TestPairedFiles(LayoutContract):
    name = "paired_files"

    def write_example(self, root: Path) -> None:
        for name in ("anna", "anna_seg", "ben", "ben_seg", "carl"):
            (root / f"{name}.nii.gz").touch()


class TestSeparable(EncoderContract):
    name = "separable"
    parameters = ({"channels": (4, 6, 8)},)


class TestSummedPyramid(HeadContract):
    name = "summed_pyramid"
    parameters = ({"activation": "softmax"}, {"activation": "sigmoid"})


class TestLogCoshDice(LossContract):
    name = "log_cosh_dice"


def test_a_missed_structure_costs_the_logarithm_of_the_cosine_of_one() -> None:
    loss = LOSSES.get("log_cosh_dice")(structures=1, activation="sigmoid")
    missed = loss(torch.full((1, 1, 20, 20), -30.0), torch.ones(1, 20, 20, dtype=torch.int64))
    assert missed.item() == pytest.approx(math.log(math.cosh(1)), abs=1e-4)
