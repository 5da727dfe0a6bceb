"""How each kind of model server is asked what it has, and told to load and unload."""
