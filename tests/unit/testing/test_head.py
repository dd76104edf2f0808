from collections.abc import Callable

import pytest
import torch
from torch import nn
from torch.nn import functional

from medweave.models.features import FeatureChannels, SegmentationOutput
from medweave.models.heads.head import HEADS, ClassificationHead, SegmentationHead
from medweave.testing.head import HeadContract

SIZE_TEST = "test_the_answer_has_the_size_that_its_kind_demands"
TESTS = [name for name in vars(HeadContract) if name.startswith("test_") and name != SIZE_TEST]


class Levels(SegmentationHead):
    activation, decoded_channels = "sigmoid", 3

    def __init__(self, *, channels: tuple, strides: tuple, structures: int, spatial_dims: int) -> None:
        super().__init__()
        convolution = nn.Conv2d if spatial_dims == 2 else nn.Conv3d
        self.layers = nn.ModuleList(convolution(count, structures, 1) for count in channels)

    def forward(self, pyramid):
        levels = [layer(level) for layer, level in zip(self.layers, pyramid, strict=True)]
        logits = sum(functional.interpolate(level, size=levels[0].shape[2:]) for level in levels)
        return SegmentationOutput([logits], logits)


class Coarse(Levels):
    def forward(self, pyramid):
        output = super().forward(pyramid)
        return SegmentationOutput([output.logits[0][:, :, ::2]], output.decoded)


class Activated(Levels):
    def forward(self, pyramid):
        output = super().forward(pyramid)
        return SegmentationOutput([output.logits[0].sigmoid()], output.decoded)


class Shallow(Levels):
    def forward(self, pyramid):
        return super().forward([pyramid[0], pyramid[1], pyramid[2].detach()])


class Noisy(Levels):
    def forward(self, pyramid):
        return super().forward([pyramid[0] + torch.randn_like(pyramid[0]), *pyramid[1:]])


class AcrossSamples(Levels):
    def forward(self, pyramid):
        return super().forward([level - level.mean(dim=0, keepdim=True) for level in pyramid])


class OfSeveral(Levels):
    def forward(self, pyramid):
        return super().forward([level / level.std(dim=0, keepdim=True) for level in pyramid])


class Means(ClassificationHead):
    def __init__(self, *, sources: FeatureChannels, make_fusion: Callable, classes: int) -> None:
        super().__init__()
        self.layer = nn.Linear(sum(channels[-1] for channels in sources.pyramids.values()), classes)

    def forward(self, features):
        return self.layer(torch.cat([levels[-1].flatten(2).mean(2) for levels in features.pyramids.values()], dim=1))


class OfOneInput(Means):
    def forward(self, features):
        first, second = (levels[-1].flatten(2).mean(2) for levels in features.pyramids.values())
        return self.layer(torch.cat([first, second.detach()], dim=1))


class Probabilities(Means):
    def forward(self, features):
        return super().forward(features).softmax(dim=1)


class TooMany(Means):
    def forward(self, features):
        return super().forward(features)[:, :-1]


@pytest.fixture
def contract(monkeypatch):
    """Make the contract of a head."""

    def make(component):
        HEADS.names()
        monkeypatch.setitem(HEADS._components, "mine", component)
        return type("Mine", (HeadContract,), {"name": "mine"})()

    return make


@pytest.mark.parametrize("name", TESTS)
@pytest.mark.parametrize(("component", "n_cases"), [(Levels, 2), (Means, 1)])
def test_a_sound_head_passes_in_every_case_of_its_kind(component, n_cases, name, contract):
    mine = contract(component)
    assert len(mine.cases) == n_cases
    for case in mine.cases:
        getattr(mine, name)(case, {})
        mine.test_the_answer_has_the_size_that_its_kind_demands(case, {}, is_training=True)


@pytest.mark.parametrize(
    ("component", "name"),
    [
        (Activated, "test_logits_are_not_activated"),
        (Probabilities, "test_logits_are_not_activated"),
        (Shallow, "test_gradients_reach_every_parameter_and_every_input"),
        (OfOneInput, "test_gradients_reach_every_parameter_and_every_input"),
        (Noisy, "test_one_seed_gives_one_head"),
        (AcrossSamples, "test_samples_do_not_see_each_other_in_evaluation"),
    ],
)
def test_a_fault_is_found_by_its_test(component, name, contract):
    mine = contract(component)
    with pytest.raises(AssertionError):
        getattr(mine, name)(mine.cases[0], {})


@pytest.mark.filterwarnings("ignore:std")
def test_a_head_that_one_sample_is_too_few_for_fails(contract):
    mine = contract(OfSeveral)
    with pytest.raises(AssertionError):
        mine.test_a_training_batch_of_one_sample_is_answered(mine.cases[0], {})


@pytest.mark.parametrize("component", [Coarse, TooMany])
def test_a_wrong_size_is_found(component, contract):
    mine = contract(component)
    with pytest.raises(AssertionError):
        mine.test_the_answer_has_the_size_that_its_kind_demands(mine.cases[0], {}, is_training=False)
