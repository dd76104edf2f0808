"""From the network to an ONNX graph of any batch and size."""

import copy
import logging
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import onnx
import torch
from torch import Tensor, nn
from torch.export import Dim
from torch.nn.modules.instancenorm import _InstanceNorm

from medweave.core.errors import RunError
from medweave.exporting.instance_norm import AxiswiseInstanceNorm
from medweave.inference.backends.onnx import PRESENT, graph_input
from medweave.inference.gate.features import feature_output
from medweave.models.multitask import MultiTaskModel

#: Version of the ONNX operators; that which PyTorch's exporter writes without converting.
OPSET = 18
#: Samples of the example: neither 0 nor 1, which the exporter would take for constants.
EXAMPLE_BATCH = 2


class ExportedNetwork(nn.Module):
    """A network as a function of arrays: one of each input, and the flags of all.

    Args:
        model: The network; it is copied.
    """

    def __init__(self, model: MultiTaskModel) -> None:
        super().__init__()
        self.model: MultiTaskModel = _with_exportable_layers(copy.deepcopy(model).cpu().float().eval())
        self.inputs = list(model.encoders)

    @property
    def outputs(self) -> list[str]:
        """Names of what `forward` returns."""
        return [*self.model.head_names, *(feature_output(name) for name in self.inputs)]

    def forward(self, images: Sequence[Tensor], present: Tensor | None) -> tuple[Tensor, ...]:
        """Return the logits of each head and the pooled features of each input.

        Args:
            images: (B, C, *spatial) of each input.
            present: (B, inputs) bool; None with one input, which is always there.
        """
        flags = {
            name: images[0].new_ones(images[0].shape[0], dtype=torch.bool) if present is None else present[:, position]
            for position, name in enumerate(self.inputs)
        }
        pyramids = self.model.encode(dict(zip(self.inputs, images, strict=True)), flags)
        logits = self.model.answer(pyramids, flags)
        features = self.model.pooled_features(pyramids)
        return (*(logits[name][0] for name in self.model.head_names), *(features[name] for name in self.inputs))


def export_network(model: MultiTaskModel, path: Path, *, n_channels: Mapping[str, int]) -> None:
    """Write a network as ONNX.

    Args:
        model: The network.
        path: The ONNX file.
        n_channels: Of each input.

    Raises:
        RunError: The network computes something that ONNX cannot express.
    """
    network = ExportedNetwork(model)
    divisors = model.size_divisors
    batch = Dim("batch")
    sizes = [
        {0: batch, **{axis + 2: _dimension(number, axis, step) for axis, step in enumerate(divisors[name])}}
        for number, name in enumerate(network.inputs)
    ]
    several = len(network.inputs) > 1
    images = tuple(
        torch.zeros(EXAMPLE_BATCH, n_channels[name], *(step * (2 + axis) for axis, step in enumerate(divisors[name])))
        for name in network.inputs
    )
    present = torch.ones(EXAMPLE_BATCH, len(network.inputs), dtype=torch.bool) if several else None
    try:
        with _silence(), torch.no_grad():
            program = torch.export.export(
                network, (images, present), dynamic_shapes=(tuple(sizes), {0: batch} if several else None)
            )
            exported = torch.onnx.export(
                program,
                dynamo=True,
                opset_version=OPSET,
                input_names=[*map(graph_input, network.inputs), *([PRESENT] if several else [])],
                output_names=network.outputs,
                verbose=False,
            )
    except Exception as error:
        cause: BaseException = error
        while cause.__cause__ is not None:  # the exporter's own message tells its steps, not what it stumbled over
            cause = cause.__cause__
        raise RunError(
            "the network cannot be exported",
            got=f"{type(cause).__name__}: {str(cause).splitlines()[0] if str(cause) else ''}",
            fix="an encoder, fusion or head computes something that torch.export cannot follow for every size.",
        ) from error
    if exported is None:  # only older exporters return nothing
        raise RunError("the exporter of PyTorch returned no network", fix="install a newer torch.")
    exported.save(str(path), external_data=False)
    _strip(path)
    onnx.checker.check_model(str(path), full_check=True)


def _strip(path: Path) -> None:
    """Remove what the exporter says of each node: where in which file of this machine it comes from."""
    model = onnx.load(path)
    for part in (model, model.graph, *model.graph.node, *model.graph.value_info):
        part.ClearField("metadata_props")
        part.ClearField("doc_string")
    onnx.save(model, path)


def _dimension(number: int, axis: int, step: int) -> object:
    size = Dim(f"size_{number}_{axis}")
    return step * size if step > 1 else size


def _with_exportable_layers(model: MultiTaskModel) -> MultiTaskModel:
    """Replace instance normalisations by such as can be written for any batch size, and PReLUs by leaky ReLUs.

    A PReLU of one slope is a leaky ReLU, which ONNX Runtime computes together with the convolution before it.
    """
    for module in list(model.modules()):
        for name, child in module.named_children():
            if isinstance(child, _InstanceNorm) and not child.track_running_stats:
                setattr(module, name, AxiswiseInstanceNorm(child))
            elif isinstance(child, nn.PReLU) and child.num_parameters == 1:
                setattr(module, name, nn.LeakyReLU(child.weight.item()))
    return model


@contextmanager
def _silence() -> Iterator[None]:
    """Keep what the exporter says of itself from the user."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        before = logging.root.manager.disable
        logging.disable(max(before, logging.WARNING))
        try:
            yield
        finally:
            logging.disable(before)
