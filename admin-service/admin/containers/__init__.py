"""Every service in a container: checks, then Docker Compose, then waiting until all is well."""
