import pytest
import torch
from torch import nn

from medweave.exporting.instance_norm import AxiswiseInstanceNorm


@pytest.mark.parametrize("affine", [True, False])
@pytest.mark.parametrize(
    ("kind", "shape"), [(nn.InstanceNorm2d, (2, 3, 9, 7)), (nn.InstanceNorm3d, (2, 3, 6, 5, 4))], ids=["2D", "3D"]
)
def test_equals_pytorch(kind, shape, affine):
    generator = torch.Generator().manual_seed(0)
    features = torch.randn(shape, generator=generator) * 3 + 5
    norm = kind(3, affine=affine)
    if affine:
        norm.weight.data, norm.bias.data = torch.tensor([0.5, 1.0, 2.0]), torch.tensor([-1.0, 0.0, 1.0])
    torch.testing.assert_close(AxiswiseInstanceNorm(norm)(features), norm(features), rtol=1e-5, atol=1e-5)
