"""A layout, an encoder, a head and a loss for medweave, one a file."""
