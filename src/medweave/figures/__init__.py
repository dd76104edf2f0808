"""Figures and HTML pages: planes, overlays, histograms and the page template that every report extends."""
