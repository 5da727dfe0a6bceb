"""A question on its way: heard, asked, shown while it is answered."""
