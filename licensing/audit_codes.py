"""Codes of the audit trail."""

from portal.audit import Code


class AuditCode(Code):
    """What is done to licences, keysets and cases, and by them to units; see `portal.audit.Code`."""

    ACT_UNDONE = (
        "act-undone",
        "Undone: activation key ending {last_four} can be redeemed again",
        "Undone: {kind}, {day}",
        "Undone",
    )
    ACTIVATION_KEY_REVOKED = "activation-key-revoked", "Activation key ending {last_four} revoked"
    ACTIVATION_KEYS_REVOKED = "activation-keys-revoked", "{number} activation keys of one batch revoked"
    ACTIVATION_KEYS_MADE = "activation-keys-made", "{number} activation keys made"
    COUNTS_MOVED = (
        "counts-moved",
        "{count} of {pool}'s {service} moved from {from} to {to}",
        "Licenses shared out",
    )
    GENERATIONS_RAISED = "generations-raised", "All keysets numbered anew"
    KEY_REDEEMED = (
        "key-redeemed",
        "Activation key ending {last_four} redeemed: {service}",
        "Activation key redeemed",
    )
    KEYSET_APPLIED = "keyset-applied", "Keyset {generation} noted as applied"
    KEYSET_REISSUED = "keyset-reissued", "Keyset issued anew"
    LICENCE_EXTENDED = "licence-extended", "{service} extended: {licence}", "License extended"
    LICENCE_GRANTED = "licence-granted", "{service} granted: {licence}", "License granted"
    LICENCE_MOVED = "licence-moved", "{service} moved from {from} to {to}", "License moved"
    LICENCE_REVOKED = "licence-revoked", "{service} taken back", "License taken back"
    PROPOSAL_CONFIRMED = "proposal-confirmed", "Confirmed what {proposed_by} proposed: {what}"
    PROPOSAL_MADE = "proposal-made", "Proposed to a second lead: {what}"
    PROPOSAL_REFUSED = "proposal-refused", "Refused what {proposed_by} proposed: {what}"
    PROPOSAL_WITHDRAWN = "proposal-withdrawn", "Proposal withdrawn: {what}"
    MODEL_SERVICE_SET = "model-service-set", "What every {model} comes with was changed"
    OFFER_DECLINED = "offer-declined", "{name} declined the offer of {from}"
    OFFER_WITHDRAWN = "offer-withdrawn", "The offer to {name} was withdrawn"
    PRODUCT_OFFERED = "product-offered", "Offered to {name}, until {until}"
    RMA_APPROVED = "rma-approved", "{case} approved: {replacement} is to replace {failed}", "{case} approved"
    RMA_ASSIGNED = "rma-assigned", "{case} given to {to}", "{case} given to nobody"
    RMA_CANCELLED = "rma-cancelled", "{case} cancelled"
    RMA_COMPLETED = (
        "rma-completed",
        "{case} completed: {failed} replaced by {replacement}, licenses to {licences}",
        "{case} completed: the licenses of {failed} went to {licences}",
        "{case} completed: {failed} replaced by {replacement}; no license moved",
        "{case} completed: no license moved",
    )
    RMA_DECLINED = "rma-declined", "{case} declined"
    RMA_HANDED_TO_LEAD = "rma-handed-to-lead", "{case} handed to a lead: {why}"
    RMA_NOTED = "rma-noted", "A note added to {case}"
    RMA_OPENED = "rma-opened", "{case} opened by Support for {failed}"
    RMA_RECEIVED = "rma-received", "{case}: the failed unit came back"
    RMA_REPLACEMENT_SET = (
        "rma-replacement-set",
        "{case}: {replacement} is to replace {failed}",
        "{case} changed",
    )
    RMA_REQUESTED = "rma-requested", "{case} asked for: {failed} has failed"
    RMA_SHIPPING_NOTED = "rma-shipping-noted", "{case}: ticket and tracking numbers noted"
    RMA_UNDONE = "rma-undone", "{case} undone: {failed} is back in its place"
    RMA_WAIVED = "rma-waived", "Support changed what {case} lets pass"
    SERVICE_SAVED = "service-saved", "Service {name} saved"
    TRIAL_STARTED = "trial-started", "Free trial of {service} started", "Free trial started"
    UNIT_RELEASED = "unit-released", "Released to {name}", "Released to stock"
    UNIT_TAKEN_BACK = "unit-taken-back", "Taken back by Support"
