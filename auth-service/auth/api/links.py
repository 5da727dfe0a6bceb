"""Links between accounts and identities elsewhere, and what other services ask for."""

from typing import Annotated

import structlog
from fastapi import APIRouter, Depends, Path, Query

from auth.api.deps import ByPerson, ByService, Person, TheAuth, service_by
from auth.api.shapes import (
    CodeIdentity,
    CodeMaker,
    Created,
    IdentityOwner,
    LinkAuthMethod,
    OneTimeCode,
    Proof,
    Redeem,
    Revocations,
)
from auth.links import Identity

log = structlog.get_logger(__name__)
router = APIRouter(tags=["links"])
Part = Annotated[str, Path(max_length=2048)]
After = Annotated[str | None, Query(min_length=1, max_length=100)]
for_services = APIRouter(tags=["links"], dependencies=[Depends(service_by)])


@router.post("/link/code", status_code=201)
async def code(person: Person, auth: TheAuth) -> OneTimeCode:
    """A code to type as `/link CODE` in Discord."""
    made = await auth.links.code_for(person.user)
    return OneTimeCode(code=made.text, expires_in=made.expires_in)


@router.post("/link-auth-method")
async def link_auth_method(
    body: LinkAuthMethod, person: Person, by: ByPerson, auth: TheAuth
) -> Created:
    """Link the identity that a code from the bot stands for with my account."""
    await auth.links.attach(person.user, body.code, by=by)
    return Created(user_id=person.user.user_id)


@router.post("/link/identity")
async def identity(body: LinkAuthMethod, person: Person, auth: TheAuth) -> CodeIdentity:
    """Whose code this is that somebody got from the bot, to be asked first; it stays good."""
    shown = await auth.links.identity(body.code, person.user)
    return CodeIdentity(
        provider_user_id=shown.provider_user_id,
        display_name=shown.display_name or shown.provider_user_id,
    )


@router.delete("/auth-methods/{provider}/{identity}", status_code=204)
async def unlink(
    provider: Part, identity: Part, person: Person, by: ByPerson, auth: TheAuth
) -> None:
    """Take an identity away from my account."""
    await auth.links.detach(person.user, provider, identity, by=by)


@for_services.post("/link/proof", status_code=201)
async def proof(body: Proof, auth: TheAuth) -> OneTimeCode:
    """A code for an identity, to be typed into `/link-auth-method` by its owner."""
    made = await auth.links.proof_of(
        Identity(body.provider, body.provider_user_id, body.display_name)
    )
    return OneTimeCode(code=made.text, expires_in=made.expires_in)


@for_services.post("/link/maker")
async def maker(body: Redeem, auth: TheAuth) -> CodeMaker:
    """Whose code this is, so that its redeemer can be asked first; it stays good."""
    identity = Identity(body.provider, body.provider_user_id, body.display_name)
    user = await auth.links.maker(body.code, identity)
    return CodeMaker(username=user.username, display_name=user.display_name)


@for_services.post("/link/redeem")
async def redeem(body: Redeem, by: ByService, auth: TheAuth) -> Created:
    """Link an identity with the account whose owner gave it this code."""
    identity = Identity(body.provider, body.provider_user_id, body.display_name)
    return Created(user_id=await auth.links.redeem(body.code, identity, by=by))


@for_services.get("/identities/discord/{provider_user_id}")
async def identity_owner(provider_user_id: Part, auth: TheAuth) -> IdentityOwner:
    """Who a Discord id belongs to; 404 when it is not linked."""
    log.info("identity.asked", provider="discord")
    user = await auth.links.owner("discord", provider_user_id)
    return IdentityOwner(
        user_id=user.user_id, name=user.display_name, role=user.role, disabled=user.disabled
    )


@for_services.get("/revocations")
async def revocations(auth: TheAuth, after: After = None) -> Revocations:
    """What every verifier of tokens asks for every few seconds, page by page."""
    revoked, following = await auth.sessions.revoked(after=after)
    return Revocations(
        revoked=list(revoked), disabled=list(await auth.repository.disabled()), next=following
    )
