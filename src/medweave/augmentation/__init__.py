"""Random transforms of training samples; the arithmetic is MONAI's."""
