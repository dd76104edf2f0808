"""What a prediction becomes on disk, one format a module."""
