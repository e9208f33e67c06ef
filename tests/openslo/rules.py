"""The rules of OpenSLO v1 for what is exported, as a JSON Schema of our own.

Written after the specification and the checks of OpenSLO's own Go SDK, which refuses more than the JSON Schema beside the specification does: that
one asks for an empty key and misspells ``ratioMetric``, and is in no package registry.
"""

from __future__ import annotations

from typing import Any

LABEL = {"type": "string", "pattern": "^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$"}
DURATION = {"type": "string", "pattern": "^[1-9][0-9]*[mhdwMQY]$"}
METADATA = {
    "type": "object",
    "required": ["name"],
    "additionalProperties": False,
    "properties": {
        "name": LABEL,
        "displayName": {"type": "string", "maxLength": 63},
        "labels": {"type": "object"},
        "annotations": {
            "type": "object",
            "additionalProperties": {"type": "string"},
            "propertyNames": {"pattern": "^([a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?/)?[a-zA-Z0-9]([-._a-zA-Z0-9]{0,61}[a-zA-Z0-9])?$"},
        },
    },
}
METRIC = {
    "type": "object",
    "required": ["metricSource"],
    "additionalProperties": False,
    "properties": {
        "metricSource": {
            "type": "object",
            "required": ["spec"],
            "additionalProperties": False,
            "properties": {"metricSourceRef": LABEL, "type": {"type": "string"}, "spec": {"type": "object", "minProperties": 1}},
        }
    },
}
SLI = {
    "type": "object",
    "additionalProperties": False,
    "properties": {
        "description": {"type": "string", "maxLength": 1050},
        "thresholdMetric": METRIC,
        "ratioMetric": {
            "type": "object",
            "required": ["counter", "total"],
            "additionalProperties": False,
            "properties": {"counter": {"type": "boolean"}, "good": METRIC, "bad": METRIC, "total": METRIC},
            "oneOf": [{"required": ["good"]}, {"required": ["bad"]}],
        },
    },
    "oneOf": [{"required": ["thresholdMetric"]}, {"required": ["ratioMetric"]}],
}
OBJECTIVE = {
    "type": "object",
    "additionalProperties": False,
    "properties": {
        "displayName": {"type": "string"},
        "op": {"enum": ["lte", "gte", "lt", "gt"]},
        "value": {"type": "number"},
        "target": {"type": "number", "minimum": 0, "exclusiveMaximum": 1},
        "targetPercent": {"type": "number", "minimum": 0, "exclusiveMaximum": 100},
        "timeSliceTarget": {"type": "number", "exclusiveMinimum": 0, "maximum": 1},
        "timeSliceWindow": DURATION,
    },
    "oneOf": [{"required": ["target"]}, {"required": ["targetPercent"]}],
}
SLO = {
    "type": "object",
    "required": ["service", "indicator", "budgetingMethod", "objectives"],
    "additionalProperties": False,
    "properties": {
        "description": {"type": "string", "maxLength": 1050},
        "service": {"type": "string", "minLength": 1},
        "indicator": {
            "type": "object",
            "required": ["metadata", "spec"],
            "additionalProperties": False,
            "properties": {"metadata": METADATA, "spec": SLI},
        },
        "timeWindow": {
            "type": "array",
            "minItems": 1,
            "maxItems": 1,
            "items": {
                "type": "object",
                "required": ["duration", "isRolling"],
                "additionalProperties": False,
                "properties": {"duration": DURATION, "isRolling": {"const": True}},
            },
        },
        "budgetingMethod": {"enum": ["Occurrences", "Timeslices", "RatioTimeslices"]},
        "objectives": {"type": "array", "minItems": 1, "items": OBJECTIVE},
    },
}
SERVICE = {"type": "object", "additionalProperties": False, "properties": {"description": {"type": "string", "maxLength": 1050}}}
SCHEMA: dict[str, Any] = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "type": "object",
    "required": ["apiVersion", "kind", "metadata", "spec"],
    "additionalProperties": False,
    "properties": {
        "apiVersion": {"const": "openslo/v1"},
        "kind": {"enum": ["SLO", "Service"]},
        "metadata": METADATA,
        "spec": {"type": "object"},
    },
    "if": {"properties": {"kind": {"const": "SLO"}}},
    "then": {"properties": {"spec": SLO}},
    "else": {"properties": {"spec": SERVICE}},
}
