"""
What a person wants different from the default, in every question until they say otherwise.

table users   pk <user id>   sk preferences
"""

from collections import OrderedDict
from collections.abc import Collection, Mapping
from typing import Annotated, Any, Literal

import structlog
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from brain.routing.routes import RouteName
from shared.errors import InvalidRequest
from shared.protocol import LANGUAGE_TAG, AskOptions
from shared.store import Change, Delete, Item, Key, Store

log = structlog.get_logger(__name__)
TABLE = "users"
SORT_KEY = "preferences"
REMEMBERED_PEOPLE = 10_000
ONE_CHOICE = frozenset({"route", "model"})


class Preferences(BaseModel):
    """Each field unset: the default. `language` is a BCP 47 tag such as `de` or `pt-BR`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    model: Annotated[str, Field(min_length=1, max_length=128)] | None = None
    route: RouteName | None = None
    think: bool | Literal["low", "medium", "high"] | None = None
    temperature: Annotated[float, Field(ge=0, le=2, allow_inf_nan=False)] | None = None
    web_search: bool | None = None
    language: Annotated[str, Field(max_length=35, pattern=LANGUAGE_TAG)] | None = None

    def apply(self, options: AskOptions) -> AskOptions:
        """
        `options` with what this person prefers where the ask itself says nothing.

        Route and model are one choice: an ask that names either is not mixed with the other.
        """
        if self == NONE:
            return options
        own = options.model_dump(exclude_none=True)
        mine = self.model_dump(exclude_none=True)
        if own.keys() & ONE_CHOICE:
            mine = {name: value for name, value in mine.items() if name not in ONE_CHOICE}
        return AskOptions.model_validate(mine | own)


NONE = Preferences()


class PreferenceBook:
    """
    The preferences of everybody.

    A person's are read from the store once and then kept, of the last ten thousand people: this
    object is the only writer, so what it remembers is true.
    """

    def __init__(self, store: Store, *, models: Collection[str]) -> None:
        self._store = store
        self._models = models
        self._kept: OrderedDict[str, Preferences] = OrderedDict()
        self._changes = 0

    async def of(self, user_id: str) -> Preferences:
        """What `user_id` prefers. Raises `StoreUnavailable` if that has to be read and cannot."""
        known = self._kept.get(user_id)
        if known is not None:
            self._kept.move_to_end(user_id)
            return known
        before = self._changes
        read = self._readable(await self._store.get(_key(user_id)))
        if self._changes == before:  # else it may be older than what was just written
            self._kept[user_id] = read
            if len(self._kept) > REMEMBERED_PEOPLE:
                self._kept.popitem(last=False)
        return read

    async def change(self, user_id: str, wishes: Preferences) -> Preferences:
        """
        Keep the fields set in `wishes` (None: back to the default) and return what holds now.

        Raises `InvalidRequest` for a model that the profile does not have.
        """
        if wishes.model is not None and wishes.model not in self._models:
            known = ", ".join(sorted(self._models))
            raise InvalidRequest(f"Please correct `model`: choose one of {known}.")
        fields = wishes.model_dump(include=wishes.model_fields_set)
        if fields:
            await self._store.write(Change(_key(user_id), set=fields))
            self._forget_kept(user_id)
        return await self.of(user_id)

    async def forget(self, user_id: str) -> bool:
        """Back to the defaults; whether anything was kept."""
        kept = await self._store.get(_key(user_id)) is not None
        await self._store.write(Delete(_key(user_id)))
        self._forget_kept(user_id)
        return kept

    def _forget_kept(self, user_id: str) -> None:
        self._changes += 1
        self._kept.pop(user_id, None)

    def _readable(self, item: Item | None) -> Preferences:
        fields = _known(item or {})
        if fields.get("model") not in self._models:
            fields.pop("model", None)  # the profile has changed; better the default than no answer
        try:
            return Preferences.model_validate(fields)
        except ValidationError as invalid:
            log.warning("preferences.unreadable", problems=invalid.error_count())
            return NONE


def _known(item: Mapping[str, Any]) -> dict[str, Any]:
    names = Preferences.model_fields
    return {name: value for name, value in item.items() if name in names and value is not None}


def _key(user_id: str) -> Key:
    return Key(TABLE, user_id, SORT_KEY)
