"""What two services must agree on. Knows no service and holds no business rule."""
