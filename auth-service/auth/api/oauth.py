"""Signing in with Discord, where the operator has set it up."""

from typing import Annotated

from fastapi import APIRouter, Query
from fastapi.responses import RedirectResponse

from auth.api.deps import Address, ByPerson, Person, TheAuth
from auth.api.shapes import Consent, Created, SignIn, sign_in_of
from auth.errors import CodeInvalid, DiscordRefused
from auth.links import Identity
from auth.throttle import Tries, place_of

router = APIRouter(prefix="/oauth/discord", tags=["oauth"])
Page = Annotated[str, Query(max_length=1024)]
Text = Annotated[str, Query(max_length=256)]
State = Annotated[str, Query(max_length=4096)]
FREE = 100
"""Returns from Discord without a person, and guesses at codes, before each costs a pause."""


@router.get("/start", status_code=303, response_class=RedirectResponse)
async def start(return_to: Page, challenge: Text, auth: TheAuth) -> RedirectResponse:
    """Send the browser to Discord; it comes back to `return_to` with `oauth_code`."""
    return _to(auth.discord.start(return_to=return_to, challenge=challenge))


@router.get("/callback", status_code=303, response_class=RedirectResponse)
async def callback(
    address: Address,
    auth: TheAuth,
    state: State = "",
    code: Text | None = None,
) -> RedirectResponse:
    """
    Where Discord sends the browser; it goes on to the page that began.

    `oauth_code` in its address, or `oauth_error`: `access_denied`, `expired`, `unavailable`.
    """
    tries = Tries(("oauth callback", place_of(address)), FREE)
    try:
        auth.discord.check(state)  # what no page of ours began costs nothing, and is not counted
        auth.throttle.attempt(tries)
        home = await auth.discord.arrive(code=code, state=state)
    except CodeInvalid:
        return _to(auth.discord.home(oauth_error="expired"))
    except DiscordRefused:
        return _to(auth.discord.home(oauth_error="unavailable"))
    auth.throttle.undo(tries)
    return _to(home)


@router.post("/sign-in")
async def sign_in(body: Consent, address: Address, auth: TheAuth) -> SignIn:
    """A sign-in for the account that is linked with the Discord account that consented."""
    tries = Tries(("oauth code", place_of(address)), FREE)
    auth.throttle.attempt(tries)
    proof = await auth.discord.prove(body.code, body.verifier)
    auth.throttle.undo(tries)
    return sign_in_of(*await auth.accounts.sign_in(proof, address=address))


@router.post("/link")
async def link(body: Consent, person: Person, by: ByPerson, auth: TheAuth) -> Created:
    """Link the Discord account that consented with my account."""
    tries = Tries(("oauth code", person.user.user_id), FREE)
    auth.throttle.attempt(tries)
    found, spending = await auth.discord.person(body.code, body.verifier)
    auth.throttle.undo(tries)
    identity = Identity("discord", found.id, found.name)
    await auth.links.join(person.user.user_id, identity, spending=spending, by=by)
    return Created(user_id=person.user.user_id)


def _to(url: str) -> RedirectResponse:
    # The page of Discord must not learn our addresses, nor that of the chat ours.
    return RedirectResponse(url, 303, headers={"Referrer-Policy": "no-referrer"})
