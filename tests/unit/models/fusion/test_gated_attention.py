import torch

from medweave.models.fusion.gated_attention import GatedAttentionFusion


def _fusion():
    torch.manual_seed(0)
    return GatedAttentionFusion(channels={"mri": 2, "ct": 3}, features=4, attention_features=5)


def _vectors():
    generator = torch.Generator().manual_seed(1)
    return {"mri": torch.randn(2, 2, generator=generator), "ct": torch.randn(2, 3, generator=generator)}


def test_the_joined_vector_is_that_of_the_paper_s_equations():
    fusion, vectors = _fusion(), _vectors()
    present = {name: torch.tensor([True, True]) for name in vectors}
    content, gate, score = fusion.content[0], fusion.gate[0], fusion.score
    for sample, joined in enumerate(fusion(vectors, present)):
        instances = [fusion.projections[name](vectors[name][sample]).clamp(min=0) for name in vectors]
        energies = [
            score.weight[0]
            @ (torch.tanh(content.weight @ h + content.bias) * torch.sigmoid(gate.weight @ h + gate.bias))
            for h in instances
        ]
        exponentials = [energy.exp() for energy in energies]
        expected = sum(e / sum(exponentials) * h for e, h in zip(exponentials, instances, strict=True))
        assert torch.allclose(joined, expected, atol=1e-6)


def test_a_lone_input_has_all_the_weight_and_no_input_gives_zeros():
    fusion, vectors = _fusion(), _vectors()
    joined = fusion(vectors, {"mri": torch.tensor([True, False]), "ct": torch.tensor([False, False])})
    assert torch.allclose(joined[0], fusion.projections["mri"](vectors["mri"][0]))
    assert torch.equal(joined[1], torch.zeros(4))


def test_equal_vectors_get_equal_weights():
    fusion = _fusion()
    fusion.projections["ct"] = fusion.projections["mri"]
    vector = _vectors()["mri"]
    joined = fusion({"mri": vector, "ct": vector}, {name: torch.tensor([True, True]) for name in ("mri", "ct")})
    assert torch.allclose(joined, fusion.projections["mri"](vector), atol=1e-6)
