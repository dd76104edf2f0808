"""The mean of what several networks answer: of their probabilities, not of their logits."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from medweave.inference.activations import Activation, sigmoid, softmax
from medweave.inference.prediction import ClassificationHeadInfo, SegmentationHeadInfo


@dataclass(frozen=True)
class Link:
    """What turns the logits of a head into probabilities.

    Attributes:
        activation: Over the first axis (softmax) or of each value (sigmoid).
        temperature: That the logits are divided by before.
    """

    activation: Activation
    temperature: float = 1.0

    @classmethod
    def of(cls, head: SegmentationHeadInfo | ClassificationHeadInfo) -> "Link":
        """Return the link of a head."""
        if isinstance(head, SegmentationHeadInfo):
            return cls(head.activation)
        return cls("sigmoid" if head.multi_label else "softmax", head.temperature)

    def probabilities(self, logits: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the probabilities of every class, the background among them."""
        scaled = logits / np.float32(self.temperature)
        return softmax(scaled) if self.activation == "softmax" else sigmoid(scaled)

    def logits(self, probabilities: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return logits that have these probabilities."""
        smallest = np.finfo(np.float32).tiny
        found = np.log(np.maximum(probabilities, smallest))
        if self.activation == "sigmoid":
            found -= np.log(np.maximum(1 - probabilities, smallest))
        return np.asarray(found * np.float32(self.temperature), np.float32)


class MeanOfNetworks:
    """Collects what the networks of a model answer to one case, in one array for each head.

    Args:
        links: Of each head.
        networks: How many there are; the logits of an only one are kept as they are.
    """

    def __init__(self, links: Mapping[str, Link], networks: int) -> None:
        self.links = links
        self.networks = networks
        self._collected: dict[str, NDArray[np.float32]] = {}

    def add(self, logits: Mapping[str, NDArray[np.float32]]) -> None:
        """Take the logits of one network, (channels, *spatial) or (classes,) of each head."""
        if self.networks == 1:
            self._collected = dict(logits)
            return
        for name, values in logits.items():
            found = self.links[name].probabilities(values)
            if name in self._collected:
                self._collected[name] += found
            else:
                self._collected[name] = found

    def logits(self) -> dict[str, NDArray[np.float32]]:
        """Return logits whose probabilities are the mean of those of the networks."""
        if self.networks == 1:
            return self._collected
        means = {name: np.divide(total, self.networks, dtype=np.float32) for name, total in self._collected.items()}
        return {name: self.links[name].logits(mean) for name, mean in means.items()}
