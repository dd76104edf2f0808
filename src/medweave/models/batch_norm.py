"""Batch normalisation that is fast for few channels too."""

from torch import Tensor, nn

from medweave.models.eager import FEW_CHANNELS, is_eager_on_cpu


def _arranged(features: Tensor) -> Tensor:
    """Return features of few channels in the contiguous format, in which their voxels are vectorised over."""
    return features.contiguous() if features.shape[1] < FEW_CHANNELS and is_eager_on_cpu(features) else features


class BatchNorm2d(nn.BatchNorm2d):
    """Batch normalisation (Ioffe and Szegedy, ICML 2015) of (B, C, H, W)."""

    def forward(self, features: Tensor) -> Tensor:
        """Return the features with mean 0 and deviation 1 over each channel of the batch, scaled and shifted."""
        return super().forward(_arranged(features))


class BatchNorm3d(nn.BatchNorm3d):
    """Batch normalisation (Ioffe and Szegedy, ICML 2015) of (B, C, D, H, W)."""

    def forward(self, features: Tensor) -> Tensor:
        """Return the features with mean 0 and deviation 1 over each channel of the batch, scaled and shifted."""
        return super().forward(_arranged(features))
