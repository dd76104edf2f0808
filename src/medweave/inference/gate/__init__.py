"""Is this an image that the model knows? Rules and a learned check, one kind a module."""
