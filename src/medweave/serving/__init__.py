"""Services on the Predictor: nothing below this layer knows of HTTP."""
