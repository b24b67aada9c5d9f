"""Codes of the audit trail."""

from portal.audit import Code


class AuditCode(Code):
    """What is done to products; see `portal.audit.Code`."""

    PRODUCT_MODEL_SAVED = "product-model-saved", "Model {model} saved"
    RECORD_CORRECTED = "record-corrected", "Factory's record corrected: {changes}"
    REGISTERED = "registered", "Registered"
    RENAMED = "renamed", "Renamed from “{before}” to “{after}”"
    SURVEY_ANSWERED = "survey-answered", "Product Survey answered"
    TRIES_FORGIVEN = "tries-forgiven", "Failed attempts forgiven: {tries}"
    UNITS_IMPORTED = (
        "units-imported",
        "Factory's record read: {created} new units, {updated} corrected",
        "Factory's record read: {created} new units",
    )
