"""One message from the door to the answer."""
