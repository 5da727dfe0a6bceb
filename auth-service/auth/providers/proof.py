"""What every provider gives for a sign-in."""

from dataclasses import dataclass

from auth.users import Provider
from shared.store import Change


@dataclass(frozen=True, slots=True)
class Proof:
    """
    Somebody has just proved to be `user_id`.

    `still` is written with the sign-in, and refuses it when the proof is no longer worth anything:
    the password was changed, the identity unlinked, the account removed.
    """

    provider: Provider
    user_id: str
    still: Change
