"""What `overhead.py` is made of: a fast model server, a load generator, and what is measured."""
