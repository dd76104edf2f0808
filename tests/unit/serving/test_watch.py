import time
from types import SimpleNamespace

import numpy as np
import pytest

from medweave.inference.backends.backend import ExplainingBackend
from medweave.inference.predictor import WindowSettings
from medweave.serving.watch import TimeIsUpError, Watch, WatchedBackend, count_passes, watched


class Doubling:
    def __init__(self):
        self.size_divisors = {"mri": (2, 2, 2)}

    def __call__(self, images, present):
        return {"head": 2 * images["mri"]}


def test_a_watched_network_answers_as_before_and_tells_how_far_it_is():
    watch, told = Watch(), []
    backend = WatchedBackend(Doubling(), watch)
    watch.start(seconds=10, passes=4, on_progress=told.append)
    images = {"mri": np.ones((1, 1, 2, 2, 2), np.float32)}
    answers = [backend(images, {})["head"] for _ in range(4)]
    assert np.array_equal(answers[0], 2 * images["mri"])
    assert told == [0, 0.25, 0.5, 0.75]
    assert backend.size_divisors == {"mri": (2, 2, 2)}


def test_a_network_that_tells_where_it_looks_still_does():
    class Explaining(Doubling):
        def attention(self, images, present, *, head, class_index):
            return {"mri": images["mri"][0, 0] * class_index}

    image = np.ones((1, 1, 2, 2, 2), np.float32)
    found = watched(Explaining(), Watch())
    assert isinstance(found, ExplainingBackend)
    assert found.attention({"mri": image}, {}, head="side", class_index=3)["mri"].tolist() == (3 * image[0, 0]).tolist()
    assert not isinstance(watched(Doubling(), Watch()), ExplainingBackend)


def test_a_network_does_not_run_once_the_time_is_up():
    watch = Watch()
    backend = WatchedBackend(Doubling(), watch)
    watch.start(seconds=0, passes=1, on_progress=lambda _: None)
    time.sleep(0.001)
    with pytest.raises(TimeIsUpError):
        backend({"mri": np.ones(1, np.float32)}, {})


@pytest.mark.parametrize("flips", [False, True])
@pytest.mark.parametrize("whole", [False, True])
def test_as_many_passes_are_expected_as_there_are(served, volume, tmp_path, flips, whole, monkeypatch):
    predictor = served["heart"].predictor
    size = (2, 2, 2) if not whole else (64, 64, 64)
    monkeypatch.setattr(predictor, "window", WindowSettings({"mri": tuple(8 * count for count in size)}, flips=flips))
    image = np.zeros((1, 20, 17, 9), np.float32)
    inputs = {"mri": SimpleNamespace(image=image, grid=SimpleNamespace(voxel_volume_ml=1.0))}
    told = []
    served["heart"].watch.start(seconds=60, passes=count_passes(predictor, inputs), on_progress=told.append)
    predictor.run([inputs])
    expected = count_passes(predictor, inputs)
    assert (len(told), told[-1]) == (expected, pytest.approx(1 - 1 / expected))
    assert expected == (1 if whole else 4 * 4 * 2) * (8 if flips else 1) or not whole
