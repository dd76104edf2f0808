"""Networks: encoders, fusion, decoders, heads and the multi-task model that joins them."""
