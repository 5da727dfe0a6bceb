"""Valid JSON for a JSON schema, chosen by plain rules where the schema leaves a choice."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

import orjson

CONFIDENCE = 0.9
MOST_DEPTH = 8

ROUTE_SIGNS: tuple[tuple[str, str], ...] = (
    ("complex_code", r"\b(architect\w*|refactor\w*|distributed|concurren\w+|micro-?services?|"
                     r"thread-?safe|scal(e|able)|design (a|an|the) \w+)\b"),
    ("math", r"\b(solve|equation|integral|derivative|calculate|prove|sum of|probability|matrix)\b"
             r"|x\s*(\^|²|\*\*)|\d\s*[-+*/×÷^]\s*\(?\s*\d"),
    ("simple_code", r"\b(python|javascript|typescript|rust|java|golang|c\+\+|bash|sql|html|css|"
                    r"regex|code|function|script|program|bug|compile\w*)\b"),
    ("research", r"\b(latest|news|search|research|sources?|current(ly)?|today|compare|who won|"
                 r"look up)\b|https?://"),
    ("reasoning", r"\b(why|explain|reason\w*|step by step|riddle|puzzle|logic\w*|trade-?offs?|plan|"
                  r"pros and cons|should (i|we))\b"),
)  # fmt: skip
"""What a question shows of its kind, by the route names of the product; the first that fits."""


def json_for(schema: Mapping[str, Any], question: str) -> str:
    """
    JSON text that `schema` accepts, as far as the usual keywords go.

    Understood are object, array, string, number, integer, boolean, null, `enum`, `const`, `$ref`
    into `$defs`, `anyOf`/`oneOf`/`allOf`, `minimum`/`maximum`, `minItems`, `minLength`. An enum is
    answered by the kind of `question`, else by the value it mentions, else by `general`, else by
    its first value.
    """
    value = _value(schema, _Known(schema, question), depth=0) if schema else {"answer": question}
    return orjson.dumps(value).decode()


class _Known:
    def __init__(self, root: Mapping[str, Any], question: str) -> None:
        self.root = root
        self.question = question

    def resolve(self, ref: str) -> Mapping[str, Any]:
        found: Any = self.root
        for step in ref.removeprefix("#/").split("/"):
            found = found.get(step, {}) if isinstance(found, dict) else {}
        return found if isinstance(found, dict) else {}


def _value(schema: Mapping[str, Any], known: _Known, *, depth: int) -> Any:
    if depth > MOST_DEPTH:
        return None
    if "const" in schema:
        return schema["const"]
    if "enum" in schema:
        return choose_from_enum(schema["enum"], known.question)
    if "$ref" in schema:
        return _value(known.resolve(schema["$ref"]), known, depth=depth + 1)
    for several in ("anyOf", "oneOf", "allOf"):
        if schema.get(several):
            options = [one for one in schema[several] if one.get("type") != "null"]
            return _value((options or schema[several])[0], known, depth=depth + 1)
    return _typed(schema, known, depth=depth)


def _typed(schema: Mapping[str, Any], known: _Known, *, depth: int) -> Any:
    kind = schema.get("type", "object" if "properties" in schema else "string")
    if isinstance(kind, list):
        kind = next((one for one in kind if one != "null"), "null")
    match kind:
        case "object":
            properties = schema.get("properties", {})
            return {name: _value(one, known, depth=depth + 1) for name, one in properties.items()}
        case "array":
            length = max(int(schema.get("minItems", 1)), 0)
            return [_value(schema.get("items", {}), known, depth=depth + 1) for _ in range(length)]
        case "integer":
            return int(_number(schema, 1.0))
        case "number":
            return _number(schema, CONFIDENCE)
        case "boolean":
            return True
        case "null":
            return None
        case _:
            return "Rehearsed: chosen by keywords.".ljust(int(schema.get("minLength", 0)), ".")


def _number(schema: Mapping[str, Any], wish: float) -> float:
    at_least = max(wish, float(schema.get("minimum", wish)))
    return min(at_least, float(schema.get("maximum", at_least)))


def choose_from_enum(values: Sequence[Any], question: str) -> Any:
    """The value that fits `question` best by `ROUTE_SIGNS`; see `json_for`."""
    for route, signs in ROUTE_SIGNS:
        if route in values and re.search(signs, question, re.IGNORECASE):
            return route
    lowered = question.lower()
    for value in values:
        if isinstance(value, str) and value and value.lower() in lowered:
            return value
    return "general" if "general" in values else values[0]
