from medweave.losses.loss import LOSSES
from medweave.testing.loss import LossContract


def test_every_loss_is_tested(tested_names) -> None:
    assert tested_names == set(LOSSES.names())


class TestCrossEntropy(LossContract):
    name = "cross_entropy"


class TestDice(LossContract):
    name = "dice"


class TestDiceCrossEntropy(LossContract):
    name = "dice_ce"


class TestDiceFocal(LossContract):
    name = "dice_focal"


class TestFocal(LossContract):
    name = "focal"


class TestTversky(LossContract):
    name = "tversky"
