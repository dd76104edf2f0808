"""How folders are arranged: one layout a module, each registered by name."""
