"""Classifiers of cases by their measurements: fitted by scikit-learn, kept as JSON, applied by NumPy (no torch)."""
