"""The models on the disk of the Ollama stand-in: which are installed, pull and delete."""

import hashlib
from typing import Any

from rehearsal.errors import NotInstalled
from rehearsal.faults import Faults
from rehearsal.script import Script, ScriptedModel


def full_name(name: str) -> str:
    """A name without a tag means `:latest`."""
    return name if ":" in name.rpartition("/")[2] else f"{name}:latest"


def digest(name: str) -> str:
    """What identifies the model's files: made of its name, always the same."""
    return hashlib.sha256(f"rehearsal {name}".encode()).hexdigest()


class Roster:
    """Installed and pullable models by name, upper and lower case alike."""

    def __init__(self, script: Script, faults: Faults) -> None:
        mine = [model for model in script.models if model.server == "ollama"]
        self._known = {full_name(model.name).lower(): model for model in mine}
        self._installed = {key for key, model in self._known.items() if model.installed}
        self._faults = faults

    def find(self, name: str) -> ScriptedModel:
        """The installed model of this name. Raises `NotInstalled`; uses a `vanish` fault up."""
        key = full_name(name).lower()
        if key not in self._installed:
            raise NotInstalled(name)
        model = self._known[key]
        if self._faults.take(("vanish",), model=model.name):
            raise NotInstalled(name)
        return model

    def listed(self) -> list[ScriptedModel]:
        """What `/api/tags` shows: installed and not vanished."""
        return [
            model
            for key, model in self._known.items()
            if key in self._installed and not self._faults.vanished(model.name)
        ]

    def pullable(self, name: str) -> ScriptedModel | None:
        """The model that a pull of `name` would bring."""
        return self._known.get(full_name(name).lower())

    def install(self, model: ScriptedModel) -> None:
        """From now on it can be loaded."""
        self._installed.add(full_name(model.name).lower())

    def delete(self, name: str) -> ScriptedModel:
        """Take it from the disk. Raises `NotInstalled`."""
        model = self.find(name)
        self._installed.discard(full_name(name).lower())
        return model


def details(model: ScriptedModel) -> dict[str, Any]:
    """The `details` that tags, ps and show have in common."""
    return {
        "parent_model": "",
        "format": "gguf",
        "family": model.family,
        "families": [model.family],
        "parameter_size": model.parameters,
        "quantization_level": model.quantization,
    }
