"""Outside services, one a file, each behind an extra."""
