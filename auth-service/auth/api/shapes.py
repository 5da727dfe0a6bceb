"""What goes over the wire here. Lengths are limits of sanity; the rules are in the domain."""

from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field

from auth.audit import Event
from auth.sessions import Session
from auth.users import AuthMethod, User

Short = Annotated[str, Field(max_length=256)]
Secret = Annotated[str, Field(max_length=1024)]


class Body(BaseModel):
    """A request; fields we do not know are ignored (protocol: contracts may grow)."""

    model_config = ConfigDict(extra="ignore", hide_input_in_errors=True)


class Register(Body):
    """Who wants an account; `invite` where REGISTRATION=invite."""

    username: Short
    password: Secret
    display_name: Short | None = None
    email: Short | None = None
    invite: Short | None = None


class Login(Body):
    """Who somebody says they are."""

    username: Short
    password: Secret


class ChangePassword(Body):
    """The password until now, and the one from now on."""

    old: Secret
    new: Secret


class DeleteAccount(Body):
    """The password, so that a browser left open is not enough."""

    password: Secret


class Consent(Body):
    """What came back from Discord, and the verifier of the page that began."""

    code: Short
    verifier: Annotated[str, Field(min_length=43, max_length=128)]


class LinkAuthMethod(Body):
    """The code that the bot showed to the owner of an identity."""

    provider: Literal["discord"]
    code: Short


class Proof(Body):
    """An identity that the caller (one of our services) vouches for."""

    provider: Literal["discord"]
    provider_user_id: Short
    display_name: Short | None = None


class Redeem(Proof):
    """The same, with the code its owner typed."""

    code: Short


class ChangeUser(Body):
    """What an operator may change; what is not named stays."""

    disabled: bool | None = None
    role: Literal["user", "admin"] | None = None


class CreateKey(Body):
    """How the person will recognise the new key."""

    name: Short


class VerifyKey(Body):
    """An API key somebody came with."""

    key: Secret


class Created(BaseModel):
    """The account that was made or linked."""

    user_id: str


class Registering(BaseModel):
    """What a page needs to know before anybody has signed in."""

    registration: Literal["open", "invite", "closed"]
    providers: list[Literal["password", "discord"]]


class Deleted(BaseModel):
    """The account that is no more; not `forgotten` yet: the brain will when it answers again."""

    user_id: str
    forgotten: bool


class Profile(BaseModel):
    """A person, as they may see themselves."""

    user_id: str
    username: str
    display_name: str
    email: str | None
    role: Literal["user", "admin"]


class Method(BaseModel):
    """One way to sign in; `name` is how the person is called there, `identity` who they are."""

    provider: str
    name: str
    identity: str
    added_at: float


class Account(Profile):
    """An account as operators see it. Moments are seconds since 1970."""

    disabled: bool
    created_at: float
    signed_in_at: float | None


class Accounts(BaseModel):
    """Some accounts, and what to send as `after` for more."""

    users: list[Account]
    next: str | None


class AuditEvent(BaseModel):
    """
    One line of the book. `at`: seconds since 1970; `about`: an account's id.

    `who`: an account's id, `service`, `console`, or null when nobody knows.
    """

    at: float
    event: str
    who: str | None
    about: str | None
    address: str | None
    detail: str

    @classmethod
    def of(cls, event: Event) -> Self:
        return cls(
            at=event.at,
            event=event.what,
            who=event.who,
            about=event.about,
            address=event.address,
            detail=event.detail,
        )


class AuditPage(BaseModel):
    """Some lines, and what to send as `after` for older ones."""

    events: list[AuditEvent]
    next: str | None


class Me(Profile):
    """The profile and the ways to sign in."""

    auth_methods: list[Method]


class SignIn(BaseModel):
    """A sign-in as OAuth 2 writes it (RFC 6749, 5.1); `expires_in` is in seconds."""

    access_token: str
    token_type: Literal["bearer"] = "bearer"  # noqa: S105 - the name of a kind of token
    expires_in: int
    user: Profile


class OneTimeCode(BaseModel):
    """A code to type elsewhere, valid for `expires_in` seconds."""

    code: str
    expires_in: int


class CodeMaker(BaseModel):
    """The account that a code would link an identity with."""

    username: str
    display_name: str


class CodeIdentity(BaseModel):
    """The identity that a code would link with an account."""

    provider_user_id: str
    display_name: str


class CreatedKey(BaseModel):
    """A new API key, shown this once."""

    id: str
    name: str
    key: str


class ListedKey(BaseModel):
    """An API key as its owner finds it again. Moments are seconds since 1970."""

    id: str
    name: str
    created_at: float
    last_used_at: float | None


class KeyOwner(BaseModel):
    """Who an API key belongs to."""

    user_id: str
    name: str
    role: Literal["user", "admin"]
    key_id: str


class IdentityOwner(BaseModel):
    """Who an identity belongs to."""

    user_id: str
    name: str
    role: Literal["user", "admin"]
    disabled: bool


class Revocations(BaseModel):
    """
    Ids of tokens ended before their time, and of people who are shut out (all on each page).

    `next`: what to send as `after` for more of the tokens, null at the end.
    """

    revoked: list[str]
    disabled: list[str]
    next: str | None


def profile_of(user: User) -> Profile:
    """What the wire shows of an account."""
    return Profile(
        user_id=user.user_id,
        username=user.username,
        display_name=user.display_name,
        email=user.email,
        role=user.role,
    )


def account_of(user: User) -> Account:
    """What operators are shown of an account."""
    return Account(
        **profile_of(user).model_dump(),
        disabled=user.disabled,
        created_at=user.created_at,
        signed_in_at=user.signed_in_at,
    )


def method_of(method: AuthMethod) -> Method:
    """What the wire shows of a way to sign in."""
    return Method(
        provider=method.provider,
        name=method.name,
        identity=method.identity,
        added_at=method.added_at,
    )


def sign_in_of(user: User, session: Session) -> SignIn:
    """What the wire shows of a new sign-in."""
    return SignIn(access_token=session.token, expires_in=session.expires_in, user=profile_of(user))
