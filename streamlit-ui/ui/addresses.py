"""Where a browser that shows our page finds the other services."""

from urllib.parse import urlsplit

CHAT = "/ws/chat"


def browser_base(page_url: str, *, public_url: str | None, port: int) -> str:
    """
    A service's address for the browser at `page_url`, without a slash at the end.

    `public_url` where there is one; else it is published beside this page, on its host.
    """
    if public_url is not None:
        return public_url.rstrip("/")
    page = urlsplit(page_url)
    host = page.hostname or "127.0.0.1"
    host = f"[{host}]" if ":" in host else host
    return f"{page.scheme or 'http'}://{host}:{port}"


def chat_socket(page_url: str, *, public_url: str | None, brain_port: int) -> str:
    """The brain's door for people, likewise: `http` becomes `ws`, `https` becomes `wss`."""
    base = browser_base(page_url, public_url=public_url, port=brain_port)
    return "ws" + base.removeprefix("http") + CHAT
