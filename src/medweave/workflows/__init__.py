"""What medweave does: one verb a module, each a function `run(...)` that the command line and Python share."""
