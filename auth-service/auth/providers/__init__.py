"""
The ways to prove who one is, a file each; each ends in the same `Proof`.

    name and password ──▶ password.PasswordLogin ─┐
                                                  ├─▶ Proof ──▶ accounts.Accounts.sign_in
    Discord's consent ──▶ discord.DiscordLogin ───┘

Whatever comes later (another provider, a passkey) is another file here and a door in `api`.
"""

from auth.providers.proof import Proof

__all__ = ["Proof"]
