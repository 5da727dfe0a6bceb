"""
Links that open one file without a sign-in, for a while: Discord shows no file of ours otherwise.

    <PUBLIC_URL>/artifacts/<file id>?expires=<seconds since 1970>&signature=<HMAC-SHA256>
"""

import base64
import hashlib
import hmac

from shared.clock import Clock

PURPOSE = b"trollama: link to a file, version 1"
"""Makes a key of its own out of the secret (RFC 5869's expand step): no link is ever a token."""


class Links:
    """Makes links and checks them; keeps nothing."""

    def __init__(
        self, secret: str, *, public_url: str, longest_seconds: float, clock: Clock
    ) -> None:
        """`longest_seconds`: no link is good for longer, however long its file is kept."""
        self._key = hmac.digest(secret.encode(), PURPOSE, hashlib.sha256)
        self._base = public_url.rstrip("/")
        self._longest_seconds = longest_seconds
        self._clock = clock

    def plain(self, file_id: str) -> str:
        """The address for its owner, who brings a token."""
        return f"{self._base}/artifacts/{file_id}"

    def signed(self, file_id: str, *, until: float) -> str:
        """The address for everybody who has it, until `until` (seconds since 1970) at most."""
        expires = int(min(until, self._clock.now() + self._longest_seconds))
        return f"{self.plain(file_id)}?expires={expires}&signature={self._sign(file_id, expires)}"

    def opens(self, file_id: str, *, expires: str, signature: str) -> bool:
        """Whether these are the query parameters of a link to `file_id` that is still good."""
        if not (expires.isascii() and expires.isdigit() and len(expires) <= 12):
            return False
        expected = self._sign(file_id, int(expires))
        genuine = hmac.compare_digest(signature.encode("utf-8", "surrogatepass"), expected.encode())
        now = self._clock.now()
        return genuine and now < int(expires) <= now + self._longest_seconds

    def _sign(self, file_id: str, expires: int) -> str:
        digest = hmac.digest(self._key, f"{file_id}\n{expires}".encode(), hashlib.sha256)
        return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
