"""The web app: a page to predict, one for runs, one for data."""
