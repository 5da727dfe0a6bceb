"""Where a browser that shows our page finds the brain."""

from urllib.parse import urlsplit

CHAT = "/ws/chat"


def browser_base(page_url: str, *, public_url: str | None, brain_port: int) -> str:
    """
    The brain's address for the browser at `page_url`, without a slash at the end.

    `public_url` where there is one; else the brain is published beside this page, on its host.
    """
    if public_url is not None:
        return public_url.rstrip("/")
    page = urlsplit(page_url)
    host = page.hostname or "127.0.0.1"
    host = f"[{host}]" if ":" in host else host
    return f"{page.scheme or 'http'}://{host}:{brain_port}"


def chat_socket(page_url: str, *, public_url: str | None, brain_port: int) -> str:
    """The same for the brain's door for people: `http` becomes `ws`, `https` becomes `wss`."""
    base = browser_base(page_url, public_url=public_url, brain_port=brain_port)
    return "ws" + base.removeprefix("http") + CHAT
