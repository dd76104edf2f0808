"""Where the network looked (Grad-CAM), against one pass of the network."""

from statistics import median

import torch
from recording import machine_facts, record, timed

from medweave.building.check import read_recipe
from medweave.building.model import build_model
from medweave.inference.attention import grad_cam

#: Shape of a case's image, by recipe.
SHAPES = {"chest_xray": (1, 1, 256, 256), "cardiac": (1, 2, 144, 144, 16)}
ROUNDS = 9


def main() -> None:
    machine, rows = machine_facts(), []
    for name, shape in SHAPES.items():
        passes, maps = measure(name, shape)
        rows += [
            (f"`{name}` {'x'.join(map(str, shape))}: the network, median", 1e3 * median(passes), "ms"),
            (f"`{name}`: Grad-CAM of a class, median", 1e3 * median(maps), "ms"),
            (
                f"`{name}`: Grad-CAM by network, median of pairs",
                median(m / p for m, p in zip(maps, passes, strict=True)),
                "",
            ),
        ]
    record(
        "attention",
        title="Where the network looked",
        conditions=f"random weights, float32, PyTorch; {ROUNDS} passes and {ROUNDS} maps, in turns",
        machine=machine,
        rows=rows,
    )


def measure(name: str, shape: tuple[int, ...]) -> tuple[list[float], list[float]]:
    """Return the seconds of each pass of the network and of each map."""
    recipe = read_recipe(name)
    model = build_model(recipe).eval()
    images = {source: torch.randn(shape) for source in recipe.data.inputs}
    present = dict.fromkeys(images, torch.tensor([True]))
    (head,) = recipe.network_classes

    def answer() -> None:
        with torch.inference_mode():
            model(images, present)

    def explain() -> None:
        grad_cam(model, images, present, head=head, class_index=0)

    times = [(timed(answer), timed(explain)) for _ in range(ROUNDS + 1)][1:]  # the first warms up
    passes, maps = (list(column) for column in zip(*times, strict=True))
    return passes, maps


if __name__ == "__main__":
    main()
