"""
Why the web gave nothing. The sentence is for whoever asked, and for the model that used the tool.

Upstream
└─ WebFailed        search.failed
   ├─ SearchFailed  no search could be made
   └─ FetchFailed   a page was not fetched, or could not be read
      └─ Refused    it never would be: the address, the port, or robots.txt

InvalidRequest
└─ NotWorkedOut     a sum without a value
"""

from shared.errors import InvalidRequest, Upstream


class WebFailed(Upstream):
    """Something on the web did not do its part."""

    code = "search.failed"


class SearchFailed(WebFailed):
    """The search itself failed; finding nothing is not a failure."""


class FetchFailed(WebFailed):
    """The page is not there, does not answer, is too large, or holds no text."""


class Refused(FetchFailed):
    """We do not fetch this, however often it is asked for."""

    retryable = False


class NotWorkedOut(InvalidRequest):
    """A sum that cannot be read, or has no value; the sentence says which."""
