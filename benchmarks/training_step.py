"""A training step of reference/heart_monai: as plain PyTorch and MONAI do it, and as medweave does it.

Both have one network (4,808,917 parameters), one batch, one optimizer. Plain: MONAI's UNet and loss, float32,
contiguous memory. medweave: its model and loss, channels-last memory, and the precision that it measures to be fastest.
The two take turns within one process, so that whatever else the machine does falls on both.
"""

import subprocess
import sys
import time
from collections.abc import Callable
from statistics import median

import torch
from monai.losses import DiceCELoss
from monai.networks.nets import UNet
from recording import machine_facts, peak_memory_mb, record

from medweave.building.check import complete_recipe
from medweave.building.model import build_model
from medweave.building.training import build_loss, build_optimizer
from medweave.inference.backends.torch import AUTOCAST_TYPES, memory_format, to_channels_last
from medweave.recipes.loader import load_recipe
from medweave.training.precision import fastest_precision

RECIPE = "reference/heart_monai"
SHAPE = (2, 1, 96, 96, 96)
ROUNDS = 5


def main() -> None:
    if len(sys.argv) > 1:
        step = {"plain": plain, "medweave": medweave}[sys.argv[1]](*sys.argv[2:])
        step()
        step()
        print(peak_memory_mb())
        return
    machine = machine_facts()
    recipe = complete_recipe(load_recipe(RECIPE), RECIPE)
    model = build_model(recipe)
    precision = fastest_precision(
        model, build_loss(recipe, model), image_shapes={"mri": SHAPE}, device=torch.device("cpu")
    )
    formats = ["float32", "bfloat16"] if torch.ops.mkldnn._is_mkldnn_bf16_supported() else ["float32"]
    steps = {"plain": plain(), **{name: medweave(name) for name in formats}}
    seconds: dict[str, list[float]] = {name: [] for name in steps}
    for _ in range(ROUNDS + 1):
        for name, step in steps.items():
            start = time.perf_counter()
            step()
            seconds[name].append(time.perf_counter() - start)
    medians = {name: median(values[1:]) for name, values in seconds.items()}
    record(
        "training_step",
        title=f"Training step of {RECIPE}",
        conditions=f"batch {'x'.join(map(str, SHAPE))}, forward, loss, backward and optimizer; "
        f"median of {ROUNDS} steps, the ways taking turns in one process; `precision: auto` chose {precision}; "
        "memory: peak of a process of its own",
        machine=machine,
        rows=[
            ("plain (float32, contiguous)", medians["plain"], "s"),
            *((f"medweave ({name}, channels-last)", medians[name], "s") for name in formats),
            (f"plain / medweave as it chose ({precision})", medians["plain"] / medians[precision], "times"),
            ("peak memory, plain", peak_of("plain"), "MB"),
            (f"peak memory, medweave ({precision})", peak_of("medweave", precision), "MB"),
        ],
    )


def plain() -> Callable[[], None]:
    """Return a step as a script of plain PyTorch and MONAI has it."""
    network = UNet(3, 1, 2, channels=(16, 32, 64, 128, 256), strides=(2, 2, 2, 2), num_res_units=2, dropout=0.2)
    optimizer = torch.optim.Adam(network.parameters(), lr=1e-4, weight_decay=1e-5, amsgrad=True)
    loss = DiceCELoss(include_background=False, to_onehot_y=True, softmax=True, squared_pred=True)
    image, labels = batch()

    def step() -> None:
        optimizer.zero_grad()
        loss(network(image), labels).backward()
        optimizer.step()

    return step


def medweave(precision: str) -> Callable[[], None]:
    """Return a step as medweave's trainer makes it."""
    recipe = complete_recipe(load_recipe(RECIPE), RECIPE)
    model = to_channels_last(build_model(recipe), 3)
    optimizer = build_optimizer(recipe, model.parameters())
    loss = build_loss(recipe, model)
    image, labels = batch()
    images, label_maps = {"mri": image.contiguous(memory_format=memory_format(3))}, {"heart": labels[:, 0]}
    present = {name: torch.ones(SHAPE[0], dtype=torch.bool) for name in ("mri", "heart")}
    dtype = AUTOCAST_TYPES.get(precision)

    def step() -> None:
        optimizer.zero_grad()
        with torch.autocast("cpu", dtype=dtype, enabled=dtype is not None):
            logits = model(images, present)
        torch.stack(list(loss(logits, label_maps, present).values())).sum().backward()
        optimizer.step()

    return step


def batch() -> tuple[torch.Tensor, torch.Tensor]:
    """Return random images and a ball as their label maps."""
    generator = torch.Generator().manual_seed(0)
    axis = torch.linspace(-1, 1, SHAPE[-1])
    ball = (axis[:, None, None] ** 2 + axis[:, None] ** 2 + axis**2 < 0.1).long()
    return torch.randn(SHAPE, generator=generator), ball.expand(SHAPE).contiguous()


def peak_of(*arguments: str) -> float:
    """Return the peak memory in MB of two steps in a fresh process."""
    command = [sys.executable, __file__, *arguments]
    return float(subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()[-1])


if __name__ == "__main__":
    main()
