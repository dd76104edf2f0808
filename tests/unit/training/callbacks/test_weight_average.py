from types import SimpleNamespace

import pytorch_lightning as pl
import torch
from safetensors.torch import load_file
from torch import nn

from medweave.training.callbacks.weight_average import WeightAverage
from medweave.training.module import MultiTaskModule


def test_a_moving_average_of_the_weights_is_what_is_validated_and_kept(train_tiny, tmp_path, monkeypatch):
    step, steps, validated = MultiTaskModule.optimizer_step, [], []

    def optimizer_step(self, *args, **kwargs):
        step(self, *args, **kwargs)
        steps.append({name: tensor.clone() for name, tensor in self.model.state_dict().items()})

    def validation_step(self, *args, **kwargs):
        validated.append({name: tensor.clone() for name, tensor in self.model.state_dict().items()})
        return validate(self, *args, **kwargs)

    validate = MultiTaskModule.validation_step
    monkeypatch.setattr(MultiTaskModule, "optimizer_step", optimizer_step)
    monkeypatch.setattr(MultiTaskModule, "validation_step", validation_step)
    result = train_tiny(tmp_path / "run", "training.weight_average_epochs=1.5", "training.validate_every_epochs=9")

    epochs = result.summary["epochs"]
    decay = 1 - 1 / (1.5 * len(steps) / epochs)
    expected = steps[0]
    for weights in steps[1:]:
        expected = {name: decay * expected[name] + (1 - decay) * tensor for name, tensor in weights.items()}
    kept = load_file(result.run.weights)
    assert len(validated) == 2
    assert kept.keys() == expected.keys()
    for name, tensor in expected.items():
        if kept[name].is_floating_point():
            torch.testing.assert_close(kept[name], tensor)
            torch.testing.assert_close(validated[0][name], tensor)
    assert not all(torch.allclose(kept[name], steps[-1][name]) for name in kept)


def test_the_average_lies_where_the_network_will_be():
    module = pl.LightningModule()
    module.layer = nn.Linear(2, 2)
    average = WeightAverage(4)
    average.setup(SimpleNamespace(strategy=SimpleNamespace(root_device=torch.device("meta"))), module, "fit")
    assert {tensor.device.type for tensor in average._average_model.module.parameters()} == {"meta"}
    assert {tensor.device.type for tensor in module.parameters()} == {"cpu"}


def test_a_look_back_of_less_than_a_step_keeps_the_last_weights():
    module = pl.LightningModule()
    module.layer = nn.Linear(2, 2)
    average = WeightAverage(0.5)
    average.setup(SimpleNamespace(strategy=SimpleNamespace(root_device=torch.device("cpu"))), module, "fit")
    for step in (1, 2):
        nn.init.constant_(module.layer.weight, step)
        average.on_train_batch_end(SimpleNamespace(global_step=step), module, None, None, 0)
    assert average._average_model.module.layer.weight.unique().tolist() == [2.0]
