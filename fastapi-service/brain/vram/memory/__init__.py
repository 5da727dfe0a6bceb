"""What the machine says about its memory."""
