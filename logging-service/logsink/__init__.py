"""The log server: takes the records of every service and writes the files."""
