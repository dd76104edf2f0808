"""From the file of a full-size volume to the written label map: by part, and against a plain pipeline of MONAI.

The volume is synthetic, the network that of the recipe `heart` with random weights and without mirrored copies: the
label map is not an answer, but every part does the work that it does in `medweave predict`. Plain is what MONAI's
tutorials do: its transforms, its sliding window with the same window, overlap and weighting, float32 in contiguous
memory, and the answer inverted to the grid of the file. Each run is a fresh process, and the two ways take turns.
"""

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import SimpleITK as sitk
import torch
from monai.inferers import sliding_window_inference
from monai.networks.nets import UNet
from monai.transforms import (
    AsDiscreted,
    Compose,
    EnsureChannelFirstd,
    Invertd,
    LoadImaged,
    NormalizeIntensityd,
    SaveImaged,
    Spacingd,
)
from recording import machine_facts, peak_memory_mb, record

from medweave.building.check import read_recipe
from medweave.building.model import build_model
from medweave.data.case import Case
from medweave.inference.backends.torch import to_channels_last
from medweave.inference.predictor import Predictor
from medweave.inference.run_model import build_predictor
from medweave.inference.writers.writer import WRITERS
from medweave.preprocessing.readers.medical import read_channels

RECIPE = "heart"
OVERRIDES = ("prediction.flips=false", "training.precision=float32")
ROUNDS = 3
SIZE_VOXELS = (320, 320, 130)
SPACING_MM = (1.25, 1.25, 1.37)


def main() -> None:
    if len(sys.argv) > 1:
        file, way = Path(sys.argv[1]), sys.argv[2]
        print(json.dumps(WAYS[way](file)))
        return
    machine = machine_facts()
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "volume.nii.gz"
        draw_volume(file)
        rounds = [{way: in_process(file, way) for way in ("medweave", "plain")} for _ in range(ROUNDS)]
        network = in_process(file, "network")["memory"]
    ours, plain = [found["medweave"] for found in rounds], [found["plain"] for found in rounds]
    peak, before = (max(found.pop(key) for found in ours) for key in ("peak", "before"))
    totals = [sum(found.values()) for found in ours]
    times_as_fast = [found["all"] / total for found, total in zip(plain, totals, strict=True)]
    megabytes = np.prod(SIZE_VOXELS) * 4 / 2**20
    record(
        "full_size_prediction",
        title="Prediction of a full-size volume, from file to file",
        conditions=f"{'x'.join(map(str, SIZE_VOXELS))} voxels of {' x '.join(map(str, SPACING_MM))} mm, int16, "
        f"gzipped; recipe `{RECIPE}` with random weights, float32, no mirrored copies; medians of {ROUNDS} fresh "
        "processes of each way, in turns; plain: MONAI's transforms, network and sliding window, float32, contiguous",
        machine=machine,
        rows=[
            *((part, median(found[part] for found in ours), "s") for part in ours[0]),
            ("all of it", median(totals), "s"),
            ("plain MONAI, all of it", median(found["all"] for found in plain), "s"),
            ("plain / medweave", median(times_as_fast), "times"),
            ("plain MONAI, peak memory", max(found["peak"] for found in plain), "MB"),
            ("peak memory", peak, "MB"),
            ("memory before the case (Python, PyTorch, network)", before, "MB"),
            ("memory of the network on one window", network, "MB"),
            (
                "memory of the rest, in float32 volumes of the case's size",
                (peak - before - network) / megabytes,
                "volumes",
            ),
        ],
    )


def in_process(file: Path, way: str) -> dict[str, float]:
    """Return what a fresh process measures."""
    command = [sys.executable, __file__, str(file), way]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def predict(file: Path) -> dict[str, float]:
    """Return the seconds of each part, and the memory in MB."""
    predictor = random_predictor()
    case = Case("volume", "volume", images={"image": file})
    head, info = next(iter(predictor.segmentation_heads.items()))
    before, clock = peak_memory_mb(), [time.perf_counter()]
    channels = read_channels(file, spatial_dims=3)
    clock.append(time.perf_counter())
    inputs = {"mri": predictor.source.inputs["mri"].preprocessor(channels)}
    del channels
    clock.append(time.perf_counter())
    logits = predictor.logits(inputs)
    clock.append(time.perf_counter())
    prediction = predictor.finish(case.case_id, logits, inputs)
    clock.append(time.perf_counter())
    WRITERS.get("nifti")().write(prediction, head, case=case, info=info, folder=file.parent)
    clock.append(time.perf_counter())
    parts = ("read", "preprocess", "network", "restore", "write")
    return dict(zip(parts, np.diff(clock).tolist(), strict=True)) | {"before": before, "peak": peak_memory_mb()}


def random_predictor() -> Predictor:
    """Return the recipe's network with random weights."""
    recipe = read_recipe(RECIPE, OVERRIDES)
    torch.manual_seed(0)
    return build_predictor(recipe, to_channels_last(build_model(recipe).eval()))


def run_network(_file: Path) -> dict[str, float]:
    """Return the memory in MB that the network takes for one window."""
    predictor = random_predictor()
    (network,) = predictor.networks
    before = peak_memory_mb()
    window = np.zeros((1, 1, *predictor.window.size_voxels["mri"]), np.float32)
    network({"mri": window}, {"mri": np.ones(1, np.bool_)})
    return {"memory": peak_memory_mb() - before}


def predict_plainly(file: Path) -> dict[str, float]:
    """Return the seconds of MONAI's own pipeline, and its peak memory in MB."""
    recipe = read_recipe(RECIPE)
    network = plain_network()
    before = Compose(
        [
            LoadImaged("image"),
            EnsureChannelFirstd("image"),
            Spacingd("image", pixdim=recipe.preprocessing["mri"].spacing_mm, mode="bilinear"),
            NormalizeIntensityd("image"),
        ]
    )
    after = Compose(
        [
            Invertd("logits", transform=before, orig_keys="image", nearest_interp=False, to_tensor=True),
            AsDiscreted("logits", argmax=True),
            SaveImaged("logits", output_dir=file.parent / "plain", output_postfix="", print_log=False),
        ]
    )
    started = time.perf_counter()
    case: dict[str, Any] = before({"image": file})
    with torch.inference_mode():
        case["logits"] = sliding_window_inference(
            case["image"][None],
            recipe.patches.size_voxels,
            sw_batch_size=1,
            predictor=network,
            overlap=recipe.patches.overlap,
            mode="gaussian",
        )[0]
    after(case)
    return {"all": time.perf_counter() - started, "peak": peak_memory_mb()}


def plain_network() -> UNet:
    """Return the network of the recipe, as MONAI has it."""
    torch.manual_seed(0)
    return UNet(3, 1, 2, channels=(16, 32, 64, 128, 256), strides=(2,) * 4, num_res_units=2, norm="instance").eval()


def draw_volume(file: Path) -> None:
    """Write a noisy ball."""
    x, y, z = np.ogrid[tuple(slice(-1, 1, count * 1j) for count in SIZE_VOXELS)]
    noise = np.random.default_rng(0).normal(scale=40, size=SIZE_VOXELS)
    image = sitk.GetImageFromArray((200 + 600 * (x**2 + y**2 + z**2 < 0.3) + noise).astype(np.int16).T)
    image.SetSpacing(SPACING_MM)
    sitk.WriteImage(image, str(file), useCompression=True)


WAYS = {"medweave": predict, "plain": predict_plainly, "network": run_network}

if __name__ == "__main__":
    main()
