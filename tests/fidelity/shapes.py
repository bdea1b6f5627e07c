"""Values as botocore's service models describe them: how each protocol writes them, and what a shape says of one.

A value is read into Python with structures keyed by the names of the model's members. Where the protocol has texts only
(forms, headers, XML) the leaves are texts.
"""

import base64
import email.utils
import re
import xml.etree.ElementTree as ET

import regex

MISSING = object()
ELSEWHERE = ("header", "headers", "uri", "querystring", "statusCode")
INTEGERS = ("integer", "long", "short", "byte")
ISO = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:?\d\d)")
PATTERNS = {}


def short(value, most=240):
    text = value if isinstance(value, str) else repr(value)
    return text if len(text) <= most else text[:most] + "…"


def wire(member, name):
    return member.serialization.get("name", name)


# ---------------------------------------------------------------------------------------------------------------------
# Reading


def of_json(shape, value, path, say, nulls):
    """JSON as a value; says what the shape does not know. `nulls`: whether a null may stand for a member left out."""
    kind = shape.type_name
    if kind == "structure" and not getattr(shape, "is_document_type", False):
        if not isinstance(value, dict):
            say(f"{path}: a structure is expected", value)
            return MISSING
        known = {wire(member, name): name for name, member in shape.members.items()}
        found = {}
        for key, inner in value.items():
            name = known.get(key)
            if name is None:
                # In a union it says which member it is (Smithy, AWS JSON protocols, "Unions").
                if key != "__type":
                    say(f"{path}.{key}: unknown member of {shape.name}", inner)
            elif inner is None:
                if not nulls:
                    say(f"{path}.{name}: null is sent")
            else:
                read = of_json(shape.members[name], inner, f"{path}.{name}", say, nulls)
                if read is not MISSING:
                    found[name] = read
        return found
    if kind == "list":
        if not isinstance(value, list):
            say(f"{path}: a list is expected", value)
            return MISSING
        items = [of_json(shape.member, inner, f"{path}[]", say, nulls) for inner in value]
        return [item for item in items if item is not MISSING]
    if kind == "map":
        if not isinstance(value, dict):
            say(f"{path}: a map is expected", value)
            return MISSING
        entries = {key: of_json(shape.value, inner, f"{path}{{}}", say, nulls) for key, inner in value.items()}
        return {key: inner for key, inner in entries.items() if inner is not MISSING}
    return value


def of_form(shape, prefix, form, used, flat):
    """A form as a value; notes which of its keys were used. `flat`: as EC2 writes lists."""
    below = [key for key in form if not prefix or key == prefix or key.startswith(prefix + ".")]
    if not below:
        return MISSING
    kind = shape.type_name
    if kind == "structure":
        found = {}
        for name, member in shape.members.items():
            key = member.serialization.get("queryName") or wire(member, name)
            key = key[0].upper() + key[1:] if flat else key
            inner = of_form(member, f"{prefix}.{key}" if prefix else key, form, used, flat)
            if inner is not MISSING:
                found[name] = inner
        return found
    flat = flat or shape.serialization.get("flattened")
    if kind == "list":
        if form.get(prefix) == "":
            used.add(prefix)
            return []
        base = prefix if flat else f"{prefix}.{wire(shape.member, 'member')}"
        items = []
        while any(key == f"{base}.{len(items) + 1}" or key.startswith(f"{base}.{len(items) + 1}.") for key in below):
            items.append(of_form(shape.member, f"{base}.{len(items) + 1}", form, used, flat))
        return items
    if kind == "map":
        base = prefix if flat else f"{prefix}.entry"
        entries = {}
        while (key := f"{base}.{len(entries) + 1}.{wire(shape.key, 'key')}") in form:
            used.add(key)
            value = of_form(shape.value, f"{base}.{len(entries) + 1}.{wire(shape.value, 'value')}", form, used, flat)
            entries[form[key]] = value
        return entries
    used.add(prefix)
    return form.get(prefix, MISSING)


def of_xml(shape, node, path, say, namespace=None):
    """An element as a value; says which elements the shape does not know and which are in another namespace."""
    kind = shape.type_name
    if kind == "list":
        tag = wire(shape.member, "member")
        for child in node:
            if plain(child.tag) != tag:
                say(f"{path}: {tag} is expected", child.tag)
        return [of_xml(shape.member, child, f"{path}[]", say, namespace) for child in node]
    if kind == "map":
        entries = {}
        for entry in node:
            entries.update(xml_entry(shape, entry, path, say, namespace))
        return entries
    if kind != "structure":
        return node.text or ""
    found, known, attributes = {}, {}, {}
    for name, member in shape.members.items():
        if member.serialization.get("location") in ELSEWHERE:
            continue
        flat = member.serialization.get("flattened")
        tag = wire(member, name)
        if flat and member.type_name == "list" and "name" not in member.serialization:
            tag = wire(member.member, name)
        (attributes if member.serialization.get("xmlAttribute") else known)[tag.split(":")[-1]] = (name, member, flat)
    for child in node:
        tag = plain(child.tag)
        if namespace and not child.tag.startswith("{" + namespace + "}"):
            say(f"{path}.{tag}: in another namespace", child.tag)
        if tag not in known:
            say(f"{path}.{tag}: unknown element of {shape.name}", ET.tostring(child, "unicode"))
            continue
        name, member, flat = known[tag]
        if flat and member.type_name == "list":
            item = of_xml(member.member, child, f"{path}.{name}[]", say, namespace)
            found.setdefault(name, []).append(item)
        elif flat and member.type_name == "map":
            found.setdefault(name, {}).update(xml_entry(member, child, f"{path}.{name}", say, namespace))
        else:
            found[name] = of_xml(member, child, f"{path}.{name}", say, namespace)
    for key, text in node.attrib.items():
        if plain(key) in attributes:
            found[attributes[plain(key)][0]] = text
        else:
            say(f"{path}: unknown attribute {plain(key)} of {shape.name}", text)
    return found


def xml_entry(shape, entry, path, say, namespace):
    key, value = None, ""
    for child in entry:
        if plain(child.tag) == wire(shape.key, "key"):
            key = child.text or ""
        elif plain(child.tag) == wire(shape.value, "value"):
            value = of_xml(shape.value, child, f"{path}{{}}", say, namespace)
        else:
            say(f"{path}: unknown element of a map", child.tag)
    return {key: value}


def plain(tag):
    return tag.rsplit("}", 1)[-1]


# ---------------------------------------------------------------------------------------------------------------------
# Judging


def judge(shape, value, path, say, text):
    """Says what a shape does not allow of a value. `text`: whether the leaves are texts."""
    kind = shape.type_name
    if kind == "structure":
        if getattr(shape, "is_document_type", False):
            return
        for name, inner in value.items():
            judge(shape.members[name], inner, f"{path}.{name}", say, text)
        for name in shape.required_members:
            if name not in value:
                say(f"{path}.{name}: a required member of {shape.name} is missing")
        if shape.is_tagged_union and len(value) != 1:
            say(f"{path}: a union has one member", value)
    elif kind == "list":
        bounds(shape, len(value), path, say, "items")
        for inner in value:
            judge(shape.member, inner, f"{path}[]", say, text)
    elif kind == "map":
        bounds(shape, len(value), path, say, "entries")
        for key, inner in value.items():
            judge(shape.key, key, f"{path}{{key}}", say, True)
            judge(shape.value, inner, f"{path}{{}}", say, text)
    else:
        leaf(shape, value, path, say, text)


def leaf(shape, value, path, say, text):
    kind = shape.type_name
    if kind in ("string", "char"):
        if not isinstance(value, str):
            say(f"{path}: a string is expected", value)
            return
        bounds(shape, len(value), path, say, "characters", value)
        enum = shape.metadata.get("enum")
        if enum and value not in enum:
            say(f"{path}: not in the enum {shape.name}", value)
        pattern = shape.metadata.get("pattern")
        if pattern and not matches(pattern, value):
            say(f"{path}: does not match the pattern of {shape.name}: {short(pattern, 100)}", value)
    elif kind in INTEGERS:
        if text:
            if not re.fullmatch(r"[+-]?\d+", value):
                say(f"{path}: an integer is expected", value)
                return
            value = int(value)
        elif isinstance(value, bool) or not isinstance(value, int):
            say(f"{path}: an integer is expected", value)
            return
        bounds(shape, value, path, say, "")
    elif kind in ("float", "double"):
        if isinstance(value, bool) or not isinstance(float(value) if text else value, (int, float)):
            say(f"{path}: a number is expected", value)
    elif kind == "boolean":
        if value not in (("true", "false") if text else (True, False)):
            say(f"{path}: a boolean is expected", value)
    elif kind == "timestamp":
        timestamp(shape, value, path, say, text)
    elif kind == "blob":
        try:
            base64.b64decode(value, validate=True)
        except (ValueError, TypeError):
            say(f"{path}: base64 is expected", value)


def timestamp(shape, value, path, say, text):
    form = shape.serialization.get("timestampFormat")
    if not text and form != "iso8601":
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            say(f"{path}: seconds since 1970 are expected", value)
    elif form == "rfc822" or (form is None and shape.serialization.get("location") == "header"):
        if not value.endswith("GMT") or email.utils.parsedate_tz(value) is None:
            say(f"{path}: a date of HTTP is expected", value)
    elif not ISO.fullmatch(str(value)):
        say(f"{path}: a time as ISO 8601 writes it is expected", value)


def bounds(shape, size, path, say, unit, value=""):
    low, high = shape.metadata.get("min"), shape.metadata.get("max")
    if low is not None and size < low:
        say(f"{path}: {shape.name} takes {low} {unit} at least", f"{size} {short(value, 80)}")
    if high is not None and size > high:
        say(f"{path}: {shape.name} takes {high} {unit} at most", f"{size} {short(value, 80)}")


def matches(pattern, text):
    """The models' patterns are to match the whole (Smithy, `pattern` trait: services anchor them), save where one says
    with an anchor of its own what it is about."""
    compiled = PATTERNS.get(pattern)
    if compiled is None:
        compiled = PATTERNS[pattern] = regex.compile(pattern)
    anchored = pattern.startswith("^") or pattern.endswith("$")
    return bool(compiled.fullmatch(text) or (anchored and compiled.search(text)))
