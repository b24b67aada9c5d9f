"""Codes of the audit trail."""

from portal.audit import Code


class AuditCode(Code):
    """What is done to associations; see `portal.audit.Code`."""

    ASSOCIATED = (
        "associated",
        "{spare} became a spare {child_label} of {parent}",
        "{child} became {child_label} of {parent}",
        "Associated",
    )
    ASSOCIATION_REMOVED = (
        "association-removed",
        "{child} is no longer {child_label} of {parent}",
        "Association removed",
    )
    ASSOCIATION_TYPE_SAVED = "association-type-saved", "Association type saved"
    MADE_STANDBY = (
        "made-standby",
        "{child} became the standby of {parent}, in place of {former}",
        "{child} became the standby of {parent}",
        "Made standby",
    )
    PARENT_CHANGED = (
        "parent-changed",
        "{child} became {child_label} of {parent}; before, of {former}",
        "Parent changed",
    )
    ROLES_SWAPPED = (
        "roles-swapped",
        "Roles swapped: {parent} is {parent_label} now, {child} {child_label}",
        "Roles swapped",
    )
    TYPE_MODEL_ADDED = "type-model-added", "{model} can be associated in a further way"
    TYPE_MODEL_REMOVED = "type-model-removed", "A model can no longer be associated in one way"
