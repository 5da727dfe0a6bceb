"""
Signing in with Discord: the browser goes there and comes back; the token never is in an address.

    page ── GET /oauth/discord/start?return_to&challenge ─▶ here ── 303 ─▶ Discord (state, PKCE)
    page ◀─ 303 return_to?oauth_code ─ here ◀─ GET /oauth/discord/callback?code&state ── Discord
    page ── POST /oauth/discord/sign-in {code, verifier} ─▶ token
         or POST /oauth/discord/link    {code, verifier} ─▶ linked with the caller's account

`challenge` is the S256 of a verifier that only the page that began knows (RFC 7636): who is lured
into finishing what somebody else began has a code and not the verifier, so nobody is signed in to,
or linked with, an account of a stranger. The state is signed and kept nowhere, so that beginning
costs nothing; the verifier for Discord is derived from it. Browsers are sent to our own pages only.
"""

import base64
import hmac
import re
import secrets
from hashlib import sha256
from urllib.parse import urlencode, urlsplit

import jwt

from auth.codes import Codes
from auth.discord_api import DiscordApi, DiscordPerson
from auth.errors import CodeInvalid, DiscordNotSetUp, ForeignAddress, NotLinked, Unfit
from auth.providers.proof import Proof
from auth.repository import Repository, identity_used
from shared.clock import Clock
from shared.store import Delete
from shared.tokens import ALGORITHM

STATE_SECONDS = 600.0
"""How long somebody may take at Discord."""

CODE_SECONDS = 60.0
CHALLENGE = re.compile(r"[A-Za-z0-9_-]{43}")
"""S256: a SHA-256 in base64url without padding (RFC 7636, 4.2)."""

UNSAFE = re.compile(r"[\x00-\x20\x7f\\]")
"""What browsers drop or read as a slash (WHATWG URL, 4.4), so that they see another host."""


class DiscordLogin:
    """The rules of the way there and back; every call may raise `StoreUnavailable`."""

    def __init__(
        self,
        api: DiscordApi | None,
        repository: Repository,
        *,
        codes: Codes,
        secret: str,
        own_pages: tuple[str, ...],
        clock: Clock,
    ) -> None:
        self._api = api
        self._repository = repository
        self._codes = codes
        self._key = hmac.digest(secret.encode(), b"trollama oauth state", "sha256")
        self._own_pages = own_pages
        self._clock = clock

    @property
    def is_set_up(self) -> bool:
        """Whether the operator registered an application with Discord."""
        return self._api is not None

    def start(self, *, return_to: str, challenge: str) -> str:
        """Where to send the browser. Raises `DiscordNotSetUp`, `ForeignAddress`, `Unfit`."""
        api = self._set_up()
        if not self._is_ours(return_to):
            raise ForeignAddress
        if not CHALLENGE.fullmatch(challenge):
            raise Unfit("challenge", "it is the S256 of your verifier (RFC 7636), 43 characters")
        nonce = secrets.token_urlsafe(16)
        claims = {
            "nonce": nonce,
            "until": self._clock.now() + STATE_SECONDS,
            "return_to": return_to,
            "challenge": challenge,
        }
        state = jwt.encode(claims, self._key, algorithm=ALGORITHM)
        return api.consent_url(state=state, challenge=_s256(self._verifier(nonce)))

    def check(self, state: str) -> None:
        """Raises `DiscordNotSetUp`, and `CodeInvalid` for a state that is not ours or too old."""
        self._set_up()
        self._read(state)

    async def arrive(self, *, code: str | None, state: str) -> str:
        """
        Where to send the browser that came back, with a code for the page that began.

        Without a code from Discord the person did not consent. Raises `DiscordNotSetUp`,
        `CodeInvalid` for a state that is not ours or too old, `DiscordRefused`.
        """
        api = self._set_up()
        claims = self._read(state)
        if code is None:
            return _with(claims["return_to"], oauth_error="access_denied")
        person = await api.person(code=code, verifier=self._verifier(claims["nonce"]))
        item = {"id": person.id, "name": person.name, "challenge": claims["challenge"]}
        made = await self._codes.make("oauth", item, lives_seconds=CODE_SECONDS)
        return _with(claims["return_to"], oauth_code=made.text)

    def home(self, **told: str) -> str:
        """Our own first page, for a browser that nobody knows the page of. Raises `CodeInvalid`."""
        if not self._own_pages:
            raise CodeInvalid
        return _with(f"{self._own_pages[0]}/", **told)

    async def person(self, code: str, verifier: str) -> tuple[DiscordPerson, Delete]:
        """Who consented, and the write that spends the code. Raises `CodeInvalid`."""
        self._set_up()
        item = await self._codes.look("oauth", code)
        if item is None or not hmac.compare_digest(_s256(verifier), item["challenge"]):
            raise CodeInvalid
        return DiscordPerson(item["id"], item["name"]), self._codes.spend("oauth", code)

    async def prove(self, code: str, verifier: str) -> Proof:
        """The proof of who consented. Raises `CodeInvalid`, `NotLinked`."""
        person, spending = await self.person(code, verifier)
        user_id = await self._repository.owner("discord", person.id)
        await self._codes.use(spending)
        if user_id is None:
            raise NotLinked("discord")
        still = identity_used("discord", person.id, user_id, at=self._clock.now())
        return Proof("discord", user_id, still)

    def _set_up(self) -> DiscordApi:
        if self._api is None:
            raise DiscordNotSetUp
        return self._api

    def _is_ours(self, url: str) -> bool:
        if UNSAFE.search(url):
            return False
        try:
            parts = urlsplit(url)
        except ValueError:
            return False
        return f"{parts.scheme}://{parts.netloc}" in self._own_pages

    def _read(self, state: str) -> dict[str, str]:
        try:
            claims = jwt.decode(state, self._key, algorithms=[ALGORITHM])
        except jwt.InvalidTokenError as invalid:
            raise CodeInvalid from invalid
        if claims["until"] <= self._clock.now():
            raise CodeInvalid
        return {name: str(value) for name, value in claims.items()}

    def _verifier(self, nonce: str) -> str:
        return _base64url(hmac.digest(self._key, b"verifier " + nonce.encode(), "sha256"))


def _s256(verifier: str) -> str:
    return _base64url(sha256(verifier.encode("utf-8", "surrogatepass")).digest())


def _base64url(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def _with(url: str, **added: str) -> str:
    """The address with more in its query; a fragment would hide it from the page's server."""
    parts = urlsplit(url)
    query = "&".join(part for part in (parts.query, urlencode(added)) if part)
    return parts._replace(query=query, fragment="").geturl()
