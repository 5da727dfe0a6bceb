"""Where a browser that shows our page finds the brain."""

from urllib.parse import urlsplit

WEBSOCKET = {"http": "ws", "https": "wss"}
CHAT = "/ws/chat"


def chat_socket(page_url: str, *, public_url: str | None, brain_port: int) -> str:
    """
    The address of the brain's door for people, as the browser at `page_url` reaches it.

    `public_url` where there is one; else the brain is published beside this page, on its host.
    """
    page = urlsplit(page_url)
    if public_url is not None:
        base = urlsplit(public_url)
        return f"{WEBSOCKET[base.scheme]}://{base.netloc}{base.path.rstrip('/')}{CHAT}"
    host = page.hostname or "127.0.0.1"
    host = f"[{host}]" if ":" in host else host
    return f"{WEBSOCKET.get(page.scheme, 'ws')}://{host}:{brain_port}{CHAT}"
