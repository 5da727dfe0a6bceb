"""Accounts, sign-in and links between identities: who a person is, on every door."""

VERSION = "0.1.0"
