import numpy as np
import torch

from medweave.data.dataset import InputLayout, TrainingDataset
from medweave.data.preparation import PreparedCase
from medweave.preprocessing.cache import ArrayStore
from medweave.training.data import StudyData


def _data(root, **changes):
    store = ArrayStore(root)
    for number in range(3):
        image = np.full((1, 8, 8, 8), number, np.float32)
        store.save(f"case{number}", {"image.mri": image, "labels.heart": np.zeros((8, 8, 8), np.uint8)})
    cases = [PreparedCase(f"c{number}", root, f"case{number}", {"side": int(number > 0)}) for number in range(3)]
    layout = InputLayout(channels=1, heads=("heart",), patch_size_voxels=(8, 8, 8), augment=None)
    dataset = TrainingDataset(cases, inputs={"mri": layout}, foreground=0.0)
    return StudyData(dataset, ["v1", "v2"], **{"batch_size": 2, "per_case": 2, "workers": 0, "seed": 5} | changes)


def _order(data):
    return [case_id for batch in data.train_dataloader() for case_id in batch["case_ids"]]


def test_an_epoch_has_every_case_as_often_as_wanted(tmp_path):
    assert sorted(_order(_data(tmp_path))) == ["c0", "c0", "c1", "c1", "c2", "c2"]


def test_a_balanced_epoch_has_every_class_as_often(tmp_path):
    order = _order(_data(tmp_path, balance="side"))
    assert (order.count("c0"), order.count("c1") + order.count("c2")) == (3, 3)


def test_what_is_left_of_an_epoch_is_dropped_but_never_the_only_batch(tmp_path):
    assert len(_order(_data(tmp_path, batch_size=4))) == 4
    assert len(_order(_data(tmp_path, batch_size=7))) == 6


def test_a_checkpoint_leads_to_the_order_of_the_epoch_after_it(tmp_path):
    unbroken, resumed = _data(tmp_path), _data(tmp_path)
    orders = []
    for epoch in range(4):
        unbroken.sampler.set_epoch(epoch)
        orders.append(_order(unbroken))
        if epoch == 2:
            resumed.load_state_dict(unbroken.state_dict())
    assert _order(resumed) == orders[3]
    assert len({tuple(order) for order in orders}) > 1


def test_reading_draws_nothing_from_the_global_generator(tmp_path):
    torch.manual_seed(0)
    expected = torch.rand(3)
    torch.manual_seed(0)
    _order(_data(tmp_path))
    assert torch.equal(torch.rand(3), expected)


def test_validation_cases_come_one_by_one_in_order(tmp_path):
    assert list(_data(tmp_path).val_dataloader()) == ["v1", "v2"]
