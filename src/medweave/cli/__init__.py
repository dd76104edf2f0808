"""The command line: one command a module, each thin: parse, call a workflow, print."""
