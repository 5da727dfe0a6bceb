"""The log server: takes the records of every service over TCP and writes the files."""

VERSION = "0.1.0"
