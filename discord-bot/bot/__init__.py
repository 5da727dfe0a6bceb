"""The Discord bot: hears, relays to the brain and shows what comes back."""

VERSION = "0.1.0"
