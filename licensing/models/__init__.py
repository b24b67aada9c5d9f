"""Services, licences, the ledger of their changes, keysets as they were issued, and RMA cases."""

from licensing.models.cases import CaseNote, CaseStep, RmaCase
from licensing.models.catalogue import FLAGS, LARGEST_COUNT, CatalogueState, ModelService, Service
from licensing.models.keysets import Keyset, KeysetHead
from licensing.models.ledger import LedgerEntry
from licensing.models.licences import ActivationKey, Licence, PoolPart, TrialStart
from licensing.models.proposals import Proposal

__all__ = [
    "FLAGS",
    "LARGEST_COUNT",
    "ActivationKey",
    "CaseNote",
    "CaseStep",
    "CatalogueState",
    "Keyset",
    "KeysetHead",
    "LedgerEntry",
    "Licence",
    "ModelService",
    "PoolPart",
    "Proposal",
    "RmaCase",
    "Service",
    "TrialStart",
]
