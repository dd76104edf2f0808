import torch

from medweave.models.heads.head import ClassificationHead
from medweave.models.heads.tempered import TemperedHead


class _Linear(ClassificationHead):
    def __init__(self):
        super().__init__()
        self.layer = torch.nn.Linear(3, 2)

    def forward(self, features):
        return self.layer(features)

    def decoder_of(self, input_name):
        return f"decoder of {input_name}"


def test_logits_are_divided_and_the_probabilities_are_those_of_the_temperature():
    torch.manual_seed(0)
    head, features = _Linear().eval(), torch.randn(4, 3)
    tempered = TemperedHead(head, temperature=2.5)
    assert torch.equal(tempered(features), head(features) / 2.5)
    assert tempered.decoder_of("xray") == "decoder of xray"
    assert {name for name, _ in tempered.named_parameters()} == {"head.layer.weight", "head.layer.bias"}
