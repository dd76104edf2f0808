"""Clinical measurements: named numbers with units from the label maps of a case (no torch)."""
