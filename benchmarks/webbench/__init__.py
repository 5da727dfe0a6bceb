"""What `web.py` is made of: a model server that writes words, a page with two ways, browsers."""
