"""Builds the auth service from its settings. The only file that names concrete classes."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

import anyio

from auth import audit, repository, sessions
from auth.accounts import Accounts
from auth.audit import Audit
from auth.codes import Codes
from auth.config import Settings
from auth.discord_api import Application, DiscordApi
from auth.keys import Keys
from auth.leaving import Leaving, forgetting_by
from auth.links import Links
from auth.passwords import Passwords
from auth.providers.discord import DiscordLogin
from auth.providers.password import PasswordLogin
from auth.repository import Repository
from auth.sessions import Sessions
from auth.throttle import Throttle
from shared.clock import Clock, SystemClock
from shared.http import Peer
from shared.store import Store, open_store

TABLES = (repository.USERS, repository.METHODS, sessions.TABLE, audit.TABLE)
FORGET_SECONDS = 20.0
"""The brain first stops what it is answering (ten seconds at most)."""


@dataclass(frozen=True)
class Auth:
    """The parts that the edge and the command line use."""

    accounts: Accounts
    passwords: PasswordLogin
    discord: DiscordLogin
    links: Links
    keys: Keys
    leaving: Leaving
    sessions: Sessions
    repository: Repository
    audit: Audit
    throttle: Throttle
    store: Store
    clock: Clock
    service_token: str
    allowed_origins: tuple[str, ...]


@asynccontextmanager
async def running(settings: Settings, *, clock: Clock | None = None) -> AsyncIterator[Auth]:
    """The service's parts at work, which ends with the block. Raises what `opened` raises."""
    async with opened(settings, clock=clock) as auth, anyio.create_task_group() as tasks:
        tasks.start_soon(auth.leaving.run)
        tasks.start_soon(auth.sessions.run)
        try:
            yield auth
        finally:
            tasks.cancel_scope.cancel()


@asynccontextmanager
async def opened(settings: Settings, *, clock: Clock | None = None) -> AsyncIterator[Auth]:
    """The service's parts with their store open. Raises `ValueError` for a wrong STORE_URL."""
    clock = clock or SystemClock()
    async with AsyncExitStack() as stack:
        store = await stack.enter_async_context(open_store(settings, tables=TABLES, clock=clock))
        brain = await stack.enter_async_context(
            Peer(
                "The brain",
                settings.brain_address,
                token=settings.service_token.get_secret_value(),
                timeout_seconds=FORGET_SECONDS,
            )
        )
        application = _application(settings)
        api = None
        if application is not None:
            api = await stack.enter_async_context(
                DiscordApi(settings.discord_api_base, application)
            )
        yield _build(settings, store=store, brain=brain, api=api, clock=clock)


def _application(settings: Settings) -> Application | None:
    if settings.discord_client_id is None or settings.discord_client_secret is None:
        return None
    return Application(
        settings.discord_client_id,
        settings.discord_client_secret.get_secret_value(),
        settings.redirect_uri,
    )


def _build(
    settings: Settings, *, store: Store, brain: Peer, api: DiscordApi | None, clock: Clock
) -> Auth:
    kept = Repository(store)
    book = Audit(store, clock=clock)
    codes = Codes(store, clock=clock, table=repository.METHODS)
    throttle = Throttle(clock=clock)
    secret = settings.jwt_secret_key.get_secret_value()
    passwords = Passwords(cost=settings.bcrypt_cost)
    signed_in = Sessions(store, secret=secret, hours=settings.jwt_expiration_hours, clock=clock)
    accounts = Accounts(
        kept,
        passwords=passwords,
        sessions=signed_in,
        codes=codes,
        throttle=throttle,
        registration=settings.who_may_register,
        audit=book,
        clock=clock,
    )
    keys = Keys(kept, store=store, audit=book, clock=clock)
    return Auth(
        accounts=accounts,
        passwords=PasswordLogin(
            kept, passwords=passwords, throttle=throttle, audit=book, clock=clock
        ),
        discord=DiscordLogin(
            api,
            kept,
            codes=codes,
            secret=secret,
            own_pages=settings.page_origins,
            clock=clock,
        ),
        links=Links(kept, codes=codes, throttle=throttle, audit=book, clock=clock),
        keys=keys,
        leaving=Leaving(
            kept,
            sessions=signed_in,
            keys=keys,
            audit=book,
            forget=forgetting_by(brain),
            clock=clock,
        ),
        sessions=signed_in,
        repository=kept,
        audit=book,
        throttle=throttle,
        store=store,
        clock=clock,
        service_token=settings.service_token.get_secret_value(),
        allowed_origins=settings.page_origins,
    )
