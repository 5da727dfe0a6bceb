"""Personal API keys, and the question other services ask about one."""

from typing import Annotated

from fastapi import APIRouter, Path

from auth.api.deps import ByPerson, ByService, Person, TheAuth
from auth.api.shapes import CreatedKey, CreateKey, KeyOwner, ListedKey, VerifyKey

router = APIRouter(tags=["keys"])
KeyId = Annotated[str, Path(min_length=1, max_length=64)]


@router.post("/keys", status_code=201)
async def create(body: CreateKey, person: Person, by: ByPerson, auth: TheAuth) -> CreatedKey:
    """A new key; the only answer that shows it."""
    made = await auth.keys.create(person.user, body.name, by=by)
    return CreatedKey(id=made.key.key_id, name=made.key.name, key=made.secret)


@router.get("/keys")
async def own(person: Person, auth: TheAuth) -> list[ListedKey]:
    """My keys, without their secrets."""
    return [
        ListedKey(
            id=key.key_id,
            name=key.name,
            created_at=key.created_at,
            last_used_at=key.last_used_at,
        )
        for key in await auth.keys.of(person.user)
    ]


@router.delete("/keys/{key_id}", status_code=204)
async def revoke(key_id: KeyId, person: Person, by: ByPerson, auth: TheAuth) -> None:
    """End one of my keys."""
    await auth.keys.revoke(person.user, key_id, by=by)


@router.post("/keys/verify")
async def verify(body: VerifyKey, _: ByService, auth: TheAuth) -> KeyOwner:
    """Whose key it is; 404 when it is nobody's (any more)."""
    user, key_id = await auth.keys.owner(body.key)
    return KeyOwner(user_id=user.user_id, name=user.display_name, role=user.role, key_id=key_id)
