import torch

from medweave.models.fusion.concat import ConcatFusion

PRESENT = {"mri": torch.tensor([True, True]), "ct": torch.tensor([True, False])}
VECTORS = {"mri": torch.tensor([[1.0, 2.0], [3.0, 4.0]]), "ct": torch.tensor([[5.0], [6.0]])}


def test_vectors_stand_side_by_side_with_zeros_for_what_is_absent():
    fusion = ConcatFusion(channels={"mri": 2, "ct": 1})
    assert fusion(VECTORS, PRESENT).tolist() == [[1, 2, 5], [3, 4, 0]]
    assert list(fusion.parameters()) == []


def test_each_vector_is_projected_first_where_a_length_is_given():
    fusion = ConcatFusion(channels={"mri": 2, "ct": 1}, features=2)
    mri, ct = fusion.projections["mri"], fusion.projections["ct"]
    expected = torch.cat((VECTORS["mri"] @ mri.weight.T + mri.bias, VECTORS["ct"] @ ct.weight.T + ct.bias), dim=1)
    expected[1, 2:] = 0
    assert torch.allclose(fusion(VECTORS, PRESENT), expected)
    assert fusion.out_features == 4
