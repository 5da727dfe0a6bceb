"""Builds the auth service from its settings. The only file that names concrete classes."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from auth import repository, sessions
from auth.accounts import Accounts
from auth.codes import Codes
from auth.config import Settings
from auth.keys import Keys
from auth.links import Links
from auth.passwords import Passwords
from auth.repository import Repository
from auth.sessions import Sessions
from auth.throttle import Throttle
from shared.clock import Clock, SystemClock
from shared.store import Store, open_store

TABLES = (repository.USERS, repository.METHODS, sessions.TABLE)


@dataclass(frozen=True)
class Auth:
    """The parts that the edge and the command line use."""

    accounts: Accounts
    links: Links
    keys: Keys
    sessions: Sessions
    repository: Repository
    store: Store
    clock: Clock
    service_token: str
    allowed_origins: tuple[str, ...]


@asynccontextmanager
async def running(settings: Settings, *, clock: Clock | None = None) -> AsyncIterator[Auth]:
    """The service's parts with their store open. Raises `ValueError` for a wrong STORE_URL."""
    clock = clock or SystemClock()
    async with open_store(settings, tables=TABLES, clock=clock) as store:
        yield build(settings, store=store, clock=clock)


def build(settings: Settings, *, store: Store, clock: Clock) -> Auth:
    """The service's parts around an open store."""
    kept = Repository(store)
    codes = Codes(store, clock=clock, table=repository.METHODS)
    throttle = Throttle(clock=clock)
    signed_in = Sessions(
        store,
        secret=settings.jwt_secret_key.get_secret_value(),
        hours=settings.jwt_expiration_hours,
        clock=clock,
    )
    accounts = Accounts(
        kept,
        passwords=Passwords(cost=settings.bcrypt_cost),
        sessions=signed_in,
        codes=codes,
        throttle=throttle,
        registration=settings.who_may_register,
        clock=clock,
    )
    return Auth(
        accounts=accounts,
        links=Links(kept, codes=codes, throttle=throttle, clock=clock),
        keys=Keys(kept, store=store, clock=clock),
        sessions=signed_in,
        repository=kept,
        store=store,
        clock=clock,
        service_token=settings.service_token.get_secret_value(),
        allowed_origins=settings.allowed_origins,
    )
