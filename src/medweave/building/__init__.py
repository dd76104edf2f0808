"""Recipe to objects: the only reader of recipe fields."""
