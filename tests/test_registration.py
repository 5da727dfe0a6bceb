"""What the terminal makes of auth-service's refusals of a new account."""

from admin.cli.sign_in import wants_invitation
from auth.errors import InvitationNeeded, RegistrationClosed


def test_only_a_missing_invitation_makes_the_terminal_ask_for_one() -> None:
    assert wants_invitation(InvitationNeeded())
    assert not wants_invitation(RegistrationClosed())
