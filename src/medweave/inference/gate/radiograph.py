"""Rules that a radiograph keeps, whatever it shows."""

from collections.abc import Callable, Collection
from dataclasses import dataclass

import numpy as np
import scipy
from numpy.typing import NDArray

from medweave.inference.gate.canny import canny_edges

#: Grey values from 0 to 255 (rows, columns).
Grey = NDArray[np.float32]
#: Side of the square in which the local variance is taken.
LOCAL_PIXELS = 8
#: Gradients of an edge (OpenCV's scale), and the pixels in a row that it must have.
EDGE_GRADIENTS = (30.0, 100.0)
EDGE_PIXELS = 5


@dataclass(frozen=True)
class Rule:
    """A number that a radiograph has within bounds.

    Attributes:
        measure: Takes the number from the colours (channels, rows, columns) and the grey values.
        lowest: Least value allowed.
        highest: Greatest value allowed.
        words: What the number is.
    """

    measure: Callable[[NDArray[np.float32], Grey], float]
    lowest: float
    highest: float
    words: str


def _least_side(_colours: NDArray[np.float32], grey: Grey) -> float:
    return float(min(grey.shape))


def _colour_difference(colours: NDArray[np.float32], _grey: Grey) -> float:
    pairs = [np.abs(colours[first] - colours[second]).mean() for first, second in ((0, 1), (1, 2), (0, 2))]
    return float(np.mean(pairs))


def _mean(_colours: NDArray[np.float32], grey: Grey) -> float:
    return float(grey.mean(dtype=np.float64))


def _deviation(_colours: NDArray[np.float32], grey: Grey) -> float:
    return float(grey.std(dtype=np.float64))


def _local_variance(_colours: NDArray[np.float32], grey: Grey) -> float:
    values = grey.astype(np.float64)
    means = scipy.ndimage.uniform_filter(values, LOCAL_PIXELS)
    return float((scipy.ndimage.uniform_filter(values**2, LOCAL_PIXELS) - means**2).mean())


def _entropy_bits(_colours: NDArray[np.float32], grey: Grey) -> float:
    shares = np.bincount(grey.astype(np.uint8).ravel(), minlength=256) / grey.size
    shares = shares[shares > 0]
    return float(-(shares * np.log2(shares)).sum())


def _edge_share(_colours: NDArray[np.float32], grey: Grey) -> float:
    low, high = EDGE_GRADIENTS
    edges = canny_edges(grey, low=low, high=high)
    return float(scipy.ndimage.binary_opening(edges, np.ones((1, EDGE_PIXELS))).mean())


def _tail_share(_colours: NDArray[np.float32], grey: Grey) -> float:
    quarter, three_quarters = np.percentile(grey, [25, 75])
    return float(min((grey < quarter).mean(), (grey > three_quarters).mean()))


def _grey_levels(_colours: NDArray[np.float32], grey: Grey) -> float:
    return float(len(np.unique(grey.astype(np.uint8))))


#: By reason code.
RADIOGRAPH_RULES = {
    "xray_size": Rule(_least_side, 256, np.inf, "the shorter side in pixels"),
    "xray_colour": Rule(_colour_difference, 0, 8, "the mean difference of the colours"),
    "xray_brightness": Rule(_mean, 20, 240, "the mean grey value"),
    "xray_contrast": Rule(_deviation, 8, np.inf, "the standard deviation of the grey values"),
    "xray_texture": Rule(_local_variance, 20, np.inf, "the mean variance of 8 by 8 pixels"),
    "xray_entropy": Rule(_entropy_bits, 3, np.inf, "the entropy of the grey values in bits"),
    "xray_edges": Rule(_edge_share, 0.0005, np.inf, "the share of pixels on edges"),
    "xray_tails": Rule(_tail_share, 0.05, np.inf, "the share of pixels beyond either quartile"),
    "xray_grey_levels": Rule(_grey_levels, 50, np.inf, "the number of grey values"),
}


def broken_rules(colours: NDArray[np.float32], codes: Collection[str] | None = None) -> dict[str, str]:
    """Return the rules that a picture breaks: what was found and wanted, by reason code.

    Args:
        colours: Values from 0 to 255, (channels, rows, columns), one channel or red, green, blue and perhaps opacity.
        codes: Rules to apply; None for all.
    """
    seen = np.repeat(colours, 3, axis=0) if len(colours) == 1 else colours[:3]
    grey = seen[0] if len(colours) == 1 else seen.mean(axis=0, dtype=np.float32)
    broken = {}
    for code, rule in RADIOGRAPH_RULES.items():
        if codes is not None and code not in codes:
            continue
        value = rule.measure(seen, grey)
        if value < rule.lowest:
            broken[code] = f"{rule.words} is {value:.3g}, expected at least {rule.lowest:g}"
        elif value > rule.highest:
            broken[code] = f"{rule.words} is {value:.3g}, expected at most {rule.highest:g}"
    return broken
