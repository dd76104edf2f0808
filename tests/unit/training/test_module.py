import numpy as np
import pandas as pd
import pytest
import SimpleITK as sitk
import torch

from medweave.data.layouts.layout import scan
from medweave.data.split import Split
from medweave.inference.run_model import load_run
from medweave.losses.classification import CrossEntropy
from medweave.losses.loss import MultiTaskLoss, WeightedLoss
from medweave.losses.overlap import DiceCrossEntropy
from medweave.metrics.overlap import confusion, dice
from medweave.models.encoders.unet3d import UNet3DEncoder
from medweave.models.features import FeatureChannels
from medweave.models.fusion.single import SingleFusion
from medweave.models.heads.pooled_mlp import PooledMLPHead
from medweave.models.heads.unet_decoder import UNetDecoderHead
from medweave.models.multitask import MultiTaskModel
from medweave.optimization.optimizers import sgd
from medweave.optimization.schedulers import Course, cosine, plateau
from medweave.preprocessing.readers.medical import read_label_map
from medweave.training.module import MultiTaskModule
from medweave.training.study_case import StudyCase


def _module(*, make_schedule=lambda optimizer: cosine(optimizer, Course(2, 2)), learn_weights=False):
    """A segmentation and a classification head on one 2D input."""
    encoder = UNet3DEncoder(in_channels=1, spatial_dims=2, channels=(4, 8))
    head = UNetDecoderHead(channels=(4, 8), strides=((1, 1), (2, 2)), structures=1, spatial_dims=2)
    sources = FeatureChannels(pyramids={"a": (4, 8)}, decoded={"h": 4}, activations={"h": "softmax"}, inputs={"h": "a"})
    classifier = PooledMLPHead(
        sources=sources,
        make_fusion=lambda channels: SingleFusion(channels=channels),
        classes=3,
        hidden=(),
        dropout=(0.0,),
    )
    model = MultiTaskModel(
        encoders={"a": encoder},
        segmentation_heads={"h": head},
        classification_heads={"c": classifier},
        drawn_on={"h": "a"},
    )
    terms = {
        "h": WeightedLoss(DiceCrossEntropy(structures=1, activation="softmax"), 2.0),
        "c": WeightedLoss(CrossEntropy(class_shares=(0.5, 0.3, 0.2), multi_label=False, class_weights="balanced"), 1.0),
    }
    module = MultiTaskModule(
        model=model,
        loss=MultiTaskLoss(terms, learn_weights=learn_weights),
        predictor=None,
        make_optimizer=lambda parameters: sgd(parameters, lr=0.5),
        make_schedule=make_schedule,
        seed=1,
    )
    module.logged, module.batch_sizes = {}, {}

    def log(name, value, *, batch_size, **_):
        module.logged[name], module.batch_sizes[name] = float(value), batch_size

    module.log = log
    return module


def _batch(masks=(True, True), classes=(True, True)):
    return {
        "images": {"a": torch.randn(2, 1, 8, 8)},
        "label_maps": {"h": torch.randint(0, 2, (2, 8, 8))},
        "targets": {"c": torch.tensor([1, 2])},
        "present": {"a": torch.tensor([True, True]), "h": torch.tensor(masks), "c": torch.tensor(classes)},
        "case_ids": ["c1", "c2"],
    }


def test_the_step_s_loss_is_the_sum_of_the_terms_of_the_model_s_logits():
    module, batch = _module(), _batch()
    total = module.training_step(batch, 0)
    truths = {**batch["label_maps"], **batch["targets"]}
    terms = module.loss(module.model(batch["images"], batch["present"]), truths, batch["present"])
    assert total.item() == pytest.approx(terms["h"].item() + terms["c"].item(), rel=1e-5)
    assert module.logged == pytest.approx(
        {"train/loss": total.item(), "train/loss_h": terms["h"].item(), "train/loss_c": terms["c"].item()}, rel=1e-5
    )


def test_a_term_is_logged_over_the_samples_that_have_its_truth():
    module = _module()
    module.training_step(_batch(masks=(True, False), classes=(True, True)), 0)
    assert module.batch_sizes == {"train/loss": 2, "train/loss_h": 1, "train/loss_c": 2}


def test_a_batch_in_which_no_case_has_a_mask_learns_the_classes_alone():
    module = _module()
    total = module.training_step(_batch(masks=(False, False)), 0)
    total.backward()
    assert module.logged == {"train/loss": total.item(), "train/loss_c": total.item()}
    assert all(parameter.grad is None for parameter in module.model.segmentation_heads.parameters())
    assert any(parameter.grad.abs().sum() > 0 for parameter in module.model.encoders.parameters())


def test_a_batch_without_any_truth_is_skipped():
    module = _module()
    assert module.training_step(_batch(masks=(False, False), classes=(False, False)), 0) is None
    assert module.logged == {}


def test_learned_weights_are_optimised_and_logged_and_the_logged_losses_stay_at_fixed_weights():
    module, batch = _module(learn_weights=True), _batch()
    (group,) = module.configure_optimizers().param_groups
    assert len(group["params"]) == len(list(module.model.parameters())) + 2
    module.training_step(batch, 0).backward()
    assert (module.logged["train/weight_h"], module.logged["train/weight_c"]) == (2.0, 1.0)
    assert module.logged["train/loss"] == pytest.approx(module.logged["train/loss_h"] + module.logged["train/loss_c"])
    assert {"loss.log_variances.h", "loss.log_variances.c"} <= module.state_dict().keys()
    assert all(value.grad is not None for value in module.loss.log_variances.values())


def test_a_loss_that_is_not_finite_stops_the_step():
    batch = _batch()
    batch["images"]["a"][0, 0, 0, 0] = float("nan")
    with pytest.raises(FloatingPointError, match="the loss is nan in epoch 1"):
        _module().training_step(batch, 0)


def test_every_parameter_is_given_to_the_optimizer_but_frozen_ones():
    module = _module()
    frozen = next(iter(module.model.parameters()))
    frozen.requires_grad_(False)
    given = [parameter for group in module.configure_optimizers().param_groups for parameter in group["params"]]
    assert len(given) == len(list(module.model.parameters())) - 1
    assert all(parameter is not frozen for parameter in given)


def test_an_epoch_s_random_numbers_depend_on_seed_and_epoch_alone(monkeypatch):
    draws = []
    for epoch in (0, 1, 0):
        torch.rand(epoch)
        monkeypatch.setattr(MultiTaskModule, "current_epoch", epoch)
        _module().on_train_epoch_start()
        draws.append(torch.rand(1).item())
    assert draws[0] == draws[2] != draws[1]


def test_a_validation_case_stays_where_it_is():
    case = StudyCase(None, None)
    assert _module().transfer_batch_to_device(case, torch.device("meta"), 0) is case


def test_a_resumed_schedule_gets_its_state_when_training_starts():
    first, second = _module(), _module()
    first.configure_optimizers()
    first.schedule.optimizer.step()
    first.schedule.step()
    checkpoint = {}
    first.on_save_checkpoint(checkpoint)
    second.on_load_checkpoint(checkpoint)
    second.configure_optimizers()
    second.on_train_start()
    assert second.schedule.state_dict() == first.schedule.state_dict()


def test_a_plateau_is_judged_by_the_score(train_tiny, tmp_path):
    # Nothing is learned: the first validation sets the mark, and each later one without progress halves the rate.
    frozen = ["model.encoders.mri.norm=instance", "model.heads.heart.norm=instance", "augmentation=[]"]
    rate = ["optimizer={name: sgd, lr: 1.0e-12}", "scheduler={name: plateau, patience: 1, min_lr: 0}"]
    run = train_tiny(tmp_path / "run", *frozen, *rate, "training.max_epochs=5").run
    history = pd.read_csv(run.metrics)
    assert history["val/score"].nunique() == 1
    assert history["lr"].tolist() == pytest.approx([1e-12, 1e-12, 0.5e-12, 0.5e-12, 0.25e-12])


def test_a_plateau_schedule_is_not_stepped_by_the_optimizer():
    module = _module(make_schedule=lambda optimizer: plateau(optimizer, Course(2, 2)))
    module.configure_optimizers()
    assert module.schedule.last_epoch == 0


def test_the_logged_dice_is_that_of_the_predictor_on_the_cases_own_grids(finished_run, heart_study):
    history = pd.read_csv(finished_run.metrics)
    best = history.loc[history["val/score"].idxmax(), "val/dice_heart_left_atrium"]
    predictor = load_run(finished_run.path)
    cases = {case.case_id: case for case in scan(heart_study).cases}
    scores = []
    for case_id in Split.load(finished_run.split).val:
        predicted = sitk.GetArrayFromImage(predictor.predict(cases[case_id]).segmentations["heart"].label_map)
        truth = sitk.GetArrayFromImage(read_label_map(cases[case_id].label_maps["image"], spatial_dims=3))
        scores.append(dice(confusion(predicted == 1, truth == 1)))
    assert len(scores) > 0
    assert best == pytest.approx(np.mean(scores), abs=1e-5)
