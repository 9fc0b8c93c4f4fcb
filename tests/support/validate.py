"""Validates files against docs/schemas and prints a line for each, as tests/support/checks.sh does.

validate.py FOLDER: each FOLDER/SCHEMA.WHAT.json is validated against docs/schemas/SCHEMA.json. Users of a schema may meet keys that it does
not name; here they are refused, so that none goes undocumented.
"""
import json
import pathlib
import sys

import jsonschema

SCHEMAS = pathlib.Path(__file__).resolve().parents[2] / "docs" / "schemas"


def closed(schema):
    """The same schema without room for keys that it does not name."""
    if isinstance(schema, list):
        return [closed(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    result = {key: closed(value) for key, value in schema.items()}
    if isinstance(schema.get("properties"), dict) and schema.get("type") == "object":
        result.setdefault("additionalProperties", False)
    return result


def main():
    validators = {}
    for path in sorted(SCHEMAS.glob("*.json")):
        schema = json.loads(path.read_text())
        jsonschema.Draft202012Validator.check_schema(schema)
        validators[path.stem] = jsonschema.Draft202012Validator(closed(schema))
    print(f"ok       {len(validators)} schemas are schemas")
    for path in sorted(pathlib.Path(sys.argv[1]).glob("*.json")):
        name = path.name.split(".")[0]
        try:
            problem = jsonschema.exceptions.best_match(validators[name].iter_errors(json.loads(path.read_text())))
        except ValueError as error:
            problem = error
        if problem is None:
            print(f"ok       {path.name}")
        else:
            where = getattr(problem, "json_path", "")
            print(f"FAILED   {path.name}: {where} {getattr(problem, 'message', problem)}")


main()
