"""The web application around the service's parts."""

from fastapi import FastAPI
from fastapi.middleware.cors import CORSMiddleware

from auth import VERSION
from auth.api import accounts, errors, health, keys, links, oauth, operators
from auth.api.no_store import NoStore
from auth.wiring import Auth
from shared.gate import Gate
from shared.tracing import Traced


def create_app(auth: Auth) -> FastAPI:
    """All routes of the auth service."""
    app = FastAPI(title="Trollama accounts", version=VERSION)
    app.state.auth = auth
    app.add_middleware(
        CORSMiddleware,
        allow_origins=list(auth.allowed_origins),
        allow_methods=["*"],
        allow_headers=["Authorization", "Content-Type"],
    )
    app.add_middleware(
        Gate, allowed_origins=auth.allowed_origins, max_body_bytes=errors.MAX_BODY_BYTES
    )
    app.add_middleware(NoStore)
    app.add_middleware(Traced)
    errors.install(app)
    app.include_router(health.router)
    app.include_router(accounts.router)
    app.include_router(operators.router)
    app.include_router(keys.router)
    app.include_router(links.router)
    app.include_router(links.for_services)
    app.include_router(oauth.router)
    return app
