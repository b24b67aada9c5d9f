"""Services, licences, the ledger of their changes, keysets as they were issued, RMA cases, and offers."""

from licensing.models.cases import CaseNote, CaseStep, RmaCase
from licensing.models.catalogue import FLAGS, LARGEST_COUNT, CatalogueState, ModelService, Service
from licensing.models.keysets import Keyset, KeysetHead
from licensing.models.ledger import LedgerEntry
from licensing.models.licences import ActivationKey, KeyBatch, Licence, PoolPart, TrialStart
from licensing.models.offers import Offer
from licensing.models.proposals import Proposal

__all__ = [
    "FLAGS",
    "LARGEST_COUNT",
    "ActivationKey",
    "CaseNote",
    "CaseStep",
    "CatalogueState",
    "KeyBatch",
    "Keyset",
    "KeysetHead",
    "LedgerEntry",
    "Licence",
    "ModelService",
    "Offer",
    "PoolPart",
    "Proposal",
    "RmaCase",
    "Service",
    "TrialStart",
]
