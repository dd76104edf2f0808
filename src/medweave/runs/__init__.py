"""The folder that one training leaves: its paths, its manifest, its checkpoints."""
