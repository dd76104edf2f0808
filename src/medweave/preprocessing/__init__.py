"""The deterministic path from image file to array and back (NumPy and SimpleITK, no PyTorch)."""
