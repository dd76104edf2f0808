from dataclasses import FrozenInstanceError

import pytest
import torch

from medweave.models.features import FeatureChannels, Features, SegmentationOutput


@pytest.mark.parametrize(
    ("value", "field"),
    [
        (SegmentationOutput([], torch.zeros(1)), "decoded"),
        (Features({}, {}, {}), "present"),
        (FeatureChannels({}, {}, {}, {}), "inputs"),
    ],
)
def test_one_head_cannot_take_from_another_what_it_looks_at(value, field):
    with pytest.raises(FrozenInstanceError, match=field):
        setattr(value, field, None)
