"""What the brain knows of a person beside their conversations, and how it forgets them."""
